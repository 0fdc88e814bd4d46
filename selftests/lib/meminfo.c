// SPDX-License-Identifier: GPL-2.0-only
/* Tells how much memory the kernel uses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "meminfo.h"

#define MEMINFO		"/proc/meminfo"
#define KMEMLEAK	"/sys/kernel/debug/kmemleak"

long meminfo(const char *name)
{
	char line[128];
	long value = -1;
	FILE *file = fopen(MEMINFO, "re");

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, name, strlen(name)))
			value = atol(line + strlen(name));
	}
	fclose(file);
	return value;
}

bool meminfo_is_exact(void)
{
	return access(KMEMLEAK, F_OK);
}
