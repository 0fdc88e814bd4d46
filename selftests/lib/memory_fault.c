// SPDX-License-Identifier: GPL-2.0-only
/* Fault injection, as Documentation/fault-injection/fault-injection.rst has it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory_fault.h"

#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define FAIL_NTH	"/proc/thread-self/fail-nth"

static __thread int fail_nth = -1;

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int memory_fault_prepare(void)
{
	int ret;

	/* Allocations that may wait for memory are the ones that count. */
	ret = put(FAILSLAB "ignore-gfp-wait", "N");
	if (!ret)
		ret = put(FAILSLAB "verbose", "0");
	if (!ret)
		ret = put(FAIL_NTH, "0");
	return ret;
}

int memory_fault_at(unsigned int nth)
{
	char text[16];
	int ret = 0;

	/* Opened before, as what that allocates would count. */
	fail_nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (fail_nth < 0)
		return -errno;
	snprintf(text, sizeof(text), "%u", nth);
	if (write(fail_nth, text, strlen(text)) < 0)
		ret = -errno;
	return ret;
}

bool memory_fault_end(void)
{
	char left[16] = "";
	ssize_t len = pread(fail_nth, left, sizeof(left) - 1, 0);

	if (write(fail_nth, "0", 1) < 0)
		len = -1;
	close(fail_nth);
	return len > 0 && !atoi(left);
}
