// SPDX-License-Identifier: GPL-2.0-only
/* Sends commands to the plugin that plays the firmware. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform.h"

#define LINE_LEN	512

/* Results of the plugin. Without the plugin the register keeps the length of the buffer. */
#define DONE		0
#define REFUSED		1
#define UNREADABLE	2

int platform_call(char *line, size_t room)
{
	register unsigned long address asm("2") = (unsigned long)line;
	register unsigned long result asm("3") = room;
	size_t len = strlen(line);

	/*
	 * Writes to the whole buffer first: the plugin's store does not cause the copy
	 * of a page that is shared with the parent.
	 */
	memset(line + len, 0, room - len);
	/*
	 * The branch "brcl 0,..." is never taken. The plugin recognizes it by its
	 * target "zpci".
	 */
	asm volatile(".byte 0xc0,0x04,0x7a,0x70,0x63,0x69"
		     : "+d" (result) : "d" (address) : "memory");
	switch (result) {
	case DONE:
		return 0;
	case REFUSED:
		return -EINVAL;
	case UNREADABLE:
		return -EFAULT;
	default:
		return -ENODEV;
	}
}

static int call(char *line, const char *format, va_list args)
{
	char command[LINE_LEN];
	int ret;

	vsnprintf(line, LINE_LEN, format, args);
	snprintf(command, sizeof(command), "%s", line);
	ret = platform_call(line, LINE_LEN);
	if (ret)
		printf("# platform: %s: %s\n", command, ret == -ENODEV ? "no plugin" : line);
	return ret;
}

bool platform_there(void)
{
	char line[LINE_LEN] = "count list";

	return !platform_call(line, sizeof(line));
}

int platform_command(const char *format, ...)
{
	char line[LINE_LEN];
	va_list args;
	int ret;

	va_start(args, format);
	ret = call(line, format, args);
	va_end(args);
	return ret;
}

int platform_text(char *text, size_t len, const char *format, ...)
{
	char line[LINE_LEN];
	va_list args;
	int ret;

	va_start(args, format);
	ret = call(line, format, args);
	va_end(args);
	snprintf(text, len, "%s", ret ? "" : line);
	return ret;
}

long platform_number(const char *format, ...)
{
	char line[LINE_LEN];
	va_list args;
	int ret;

	va_start(args, format);
	ret = call(line, format, args);
	va_end(args);
	return ret ? ret : strtol(line, NULL, 0);
}
