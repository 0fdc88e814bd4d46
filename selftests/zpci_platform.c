// SPDX-License-Identifier: GPL-2.0-only
/* Gives the plugin that plays the firmware a command, such as: zpci_platform handles on */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform.h"

int main(int argc, char **argv)
{
	char line[512] = "";
	int i, ret;

	for (i = 1; i < argc; i++) {
		strncat(line, argv[i], sizeof(line) - strlen(line) - 2);
		strcat(line, " ");
	}
	ret = platform_call(line, sizeof(line));
	if (ret) {
		fprintf(stderr, "zpci_platform: %s\n", ret == -ENODEV ? "no plugin" : line);
		return 1;
	}
	if (*line)
		puts(line);
	return 0;
}
