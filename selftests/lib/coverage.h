/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_COVERAGE_H
#define ZPCI_SELFTEST_COVERAGE_H

#include <stdbool.h>
#include <linux/types.h>

/**
 * struct coverage - what of the kernel the calls of this thread have reached
 * @trace: what the kernel writes
 * @seen: where a call has been before
 * @places: how many places that are
 */
struct coverage {
	unsigned long *trace;
	__u8 *seen;
	unsigned int places;
};

/* Whether the kernel has KCOV. */
bool coverage_is_there(void);

/* Begins, for the thread that calls it: 0, or -ENOENT on a kernel without KCOV. */
int coverage_open(struct coverage *coverage);

/* Whatever has been reached since the last call, was any of it new? */
bool coverage_is_new(struct coverage *coverage);

#endif
