// SPDX-License-Identifier: GPL-2.0-only
/* Coverage of the kernel, as Documentation/dev-tools/kcov.rst has it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/kcov.h>

#include "coverage.h"

#define FILE_NAME	"/sys/kernel/debug/kcov"

/* More entries than any call produces. */
#define TRACE_LEN	65536
#define SEEN_BITS	20

bool coverage_is_there(void)
{
	return !access(FILE_NAME, F_OK);
}

int coverage_open(struct coverage *coverage)
{
	int fd = open(FILE_NAME, O_RDWR | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	coverage->places = 0;
	coverage->seen = calloc(1, 1 << SEEN_BITS);
	if (!coverage->seen || ioctl(fd, KCOV_INIT_TRACE, TRACE_LEN)) {
		ret = coverage->seen ? -errno : -ENOMEM;
	} else {
		coverage->trace = mmap(NULL, TRACE_LEN * sizeof(*coverage->trace),
				       PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (coverage->trace == MAP_FAILED || ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC))
			ret = -errno;
	}
	/* Keeps the file open on success: closing it would end the tracing. */
	if (ret)
		close(fd);
	return ret;
}

bool coverage_collect(struct coverage *coverage)
{
	unsigned long len = __atomic_load_n(&coverage->trace[0], __ATOMIC_RELAXED), i, at;
	unsigned int before = coverage->places;

	for (i = 1; i <= len; i++) {
		at = coverage->trace[i] * 0x9e3779b97f4a7c15 >> (64 - SEEN_BITS);
		coverage->places += !coverage->seen[at];
		coverage->seen[at] = 1;
	}
	__atomic_store_n(&coverage->trace[0], 0, __ATOMIC_RELAXED);
	return coverage->places != before;
}
