/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_MEMORY_FAULT_H
#define ZPCI_SELFTEST_MEMORY_FAULT_H

#include <stdbool.h>

/*
 * Prepares failures of this thread's allocations, of slab and of pages: 0 or -errno. The
 * kernel must have CONFIG_FAILSLAB, CONFIG_FAIL_PAGE_ALLOC and debugfs.
 */
int memory_fault_prepare(void);

/* Arms: the nth allocation from now on fails, counted from 1. */
int memory_fault_at(unsigned int nth);

/* Disarms, and returns whether an allocation has failed. */
bool memory_fault_end(void);

/* A range of addresses of kernel functions. */
struct memory_range {
	unsigned long start, end;
};

/*
 * Finds the range of all functions with @symbol in their names, which takes seconds: 0
 * or -errno.
 */
int memory_range_of(const char *symbol, struct memory_range *range);

/*
 * Fails each allocation that a function in the range asks for, in any thread, until
 * memory_fault_none(): 0 or -errno.
 */
int memory_fault_all_of(const struct memory_range *range);

/* Whether an allocation of the range has failed; waits up to @ms milliseconds for the first. */
bool memory_fault_hit(int ms);

/* Ends memory_fault_all_of(). */
void memory_fault_none(void);

#endif
