/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_MEMORY_FAULT_H
#define ZPCI_SELFTEST_MEMORY_FAULT_H

#include <stdbool.h>

/*
 * Lets one allocation of the kernel fail, on behalf of this thread. Needs a
 * kernel with CONFIG_FAILSLAB and debugfs: 0 or -errno.
 */
int memory_fault_prepare(void);

/* Lets whole pages fail as well from now on, where the kernel has CONFIG_FAIL_PAGE_ALLOC. */
int memory_fault_pages(void);

/* The nth allocation from now on is to fail, the first is 1. */
int memory_fault_at(unsigned int nth);

/* Ends it, and says whether an allocation has failed. */
bool memory_fault_end(void);

/* Where functions of the kernel are. */
struct memory_range {
	unsigned long start, end;
};

/* Finds those with that in their name, which takes seconds: 0 or -errno. */
int memory_range_of(const char *symbol, struct memory_range *range);

/*
 * Until memory_fault_none(), fails each allocation, of whatever thread, that they
 * have asked for: 0 or -errno.
 */
int memory_fault_all_of(const struct memory_range *range);

/* Whether one of these has failed; waits up to @ms milliseconds for the first. */
bool memory_fault_hit(int ms);

/* Ends it. */
void memory_fault_none(void);

#endif
