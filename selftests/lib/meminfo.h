/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_MEMINFO_H
#define ZPCI_SELFTEST_MEMINFO_H

#include <stdbool.h>

/* Returns the kilobytes of a line of /proc/meminfo, or -1 if there is no such line. */
long meminfo(const char *name);

/*
 * Whether the kernel frees memory at once. A kernel that looks for leaks or for use
 * after free keeps freed memory for a while, and finds leaks by itself.
 */
bool meminfo_is_exact(void);

#endif
