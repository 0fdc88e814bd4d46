/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_MEMINFO_H
#define ZPCI_SELFTEST_MEMINFO_H

/* Kilobytes of a line of /proc/meminfo, by its name with the colon: -1 if there is none. */
long meminfo(const char *name);

#endif
