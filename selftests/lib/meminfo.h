/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_MEMINFO_H
#define ZPCI_SELFTEST_MEMINFO_H

#include <stdbool.h>

/* Kilobytes of a line of /proc/meminfo, by its name with the colon: -1 if there is none. */
long meminfo(const char *name);

/*
 * Whether what is used is what is needed: a kernel that looks for leaks, or for
 * use after free, keeps more, and finds a leak itself.
 */
bool meminfo_is_exact(void);

#endif
