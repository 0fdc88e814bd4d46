/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_PATTERN_H
#define ZPCI_SELFTEST_PATTERN_H

#include <linux/types.h>
#include <stdbool.h>

/*
 * What is on the test disk: block b holds the 64 little-endian words
 * b * 64 + i, so a block that comes from the wrong place shows.
 */
#define BLOCK_SIZE	512
#define BLOCK_WORDS	(BLOCK_SIZE / 8)

void pattern_fill(void *block, __u64 number);
bool pattern_matches(const void *block, __u64 number);

/* Reads a block of a disk that the kernel's own driver has: 0, -EILSEQ if it is not right. */
int disk_verify(const char *path, __u64 number);

#endif
