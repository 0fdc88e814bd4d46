// SPDX-License-Identifier: GPL-2.0-only
/* Sets and reads parameters of the module that stands in KVM's place. */
#include <errno.h>
#include <stdio.h>

#include "file.h"
#include "machine.h"

#define PARAMETERS	"/sys/module/" MACHINE "/parameters/"

int machine_set(const char *parameter, int value)
{
	char path[128], text[16];

	snprintf(path, sizeof(path), PARAMETERS "%s", parameter);
	snprintf(text, sizeof(text), "%d", value);
	return file_write(path, text);
}

int machine_get(const char *parameter)
{
	char path[128];
	int value = -EIO;
	FILE *file;

	snprintf(path, sizeof(path), PARAMETERS "%s", parameter);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (fscanf(file, "%d", &value) != 1)
		value = -EIO;
	fclose(file);
	return value;
}

int machine_add(int fd)
{
	return machine_set("add", fd);
}

int machine_del(int fd)
{
	return machine_set("del", fd);
}
