/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_COVERAGE_H
#define ZPCI_SELFTEST_COVERAGE_H

#include <stdbool.h>
#include <linux/types.h>

/**
 * struct coverage - the kernel code that the calls of this thread have reached
 * @trace: addresses, written by the kernel
 * @seen: a bit for each address that was reached before
 * @places: the number of those addresses
 */
struct coverage {
	unsigned long *trace;
	__u8 *seen;
	unsigned int places;
};

/* Whether the kernel has KCOV, which traces the code that a thread runs. */
bool coverage_is_there(void);

/* Begins tracing for the calling thread: 0, or -ENOENT on a kernel without KCOV. */
int coverage_open(struct coverage *coverage);

/* Counts the code reached since the last call; returns whether some of it is new. */
bool coverage_collect(struct coverage *coverage);

#endif
