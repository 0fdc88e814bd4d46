/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_PATTERN_H
#define ZPCI_SELFTEST_PATTERN_H

#include <linux/types.h>
#include <stdbool.h>

/*
 * The pattern of the test disk: block b holds the 64 little-endian words b * 64 + i, so
 * that a test notices a block from the wrong place.
 */
#define BLOCK_SIZE	512
#define BLOCK_WORDS	(BLOCK_SIZE / 8)

void pattern_fill(void *block, __u64 number);
bool pattern_matches(const void *block, __u64 number);

/* Reads a block through the kernel's own driver: 0, or -EILSEQ if it is not the pattern. */
int disk_verify(const char *path, __u64 number);

#endif
