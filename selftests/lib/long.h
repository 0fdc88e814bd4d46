/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_LONG_H
#define ZPCI_SELFTEST_LONG_H

#include <linux/types.h>

/* How often, or for how long: the second where ZPCI_LONG is 1 in the environment. */
int times(int quick, int thorough);

/*
 * Random numbers, always the same: those of ZPCI_SEED in the environment, or
 * of a constant. Who uses them prints the seed.
 */
__u64 random_seed(void);
__u64 random_next(__u64 *state);

/* One that is less than the limit. */
__u32 random_below(__u64 *state, __u32 limit);

/* Prints a line of figures, which scripts/test shows. */
void figures(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
