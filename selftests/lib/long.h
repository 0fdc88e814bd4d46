/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_LONG_H
#define ZPCI_SELFTEST_LONG_H

#include <linux/types.h>

/* Returns @quick, or @thorough if ZPCI_LONG is 1 in the environment. */
int times(int quick, int thorough);

/*
 * Random numbers from a seed: ZPCI_SEED of the environment, or a constant. A test
 * prints its seed, so that the same numbers can be used again.
 */
__u64 random_seed(void);
__u64 random_next(__u64 *state);

/* Returns a random number below the limit. */
__u32 random_below(__u64 *state, __u32 limit);

/* Prints a line of figures, which scripts/test shows. */
void figures(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
