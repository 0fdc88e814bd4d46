/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_WAIT_H
#define ZPCI_SELFTEST_WAIT_H

#include <linux/types.h>
#include <stdbool.h>

#include "long.h"

/*
 * The time that a test waits for something that must happen. A debug kernel is slow in
 * the emulator, most of all in a storm; but a test that waits in vain must end before
 * the harness kills it.
 */
#define PATIENCE_MS	times(8000, 60000)

/* Returns a new eventfd whose reads never block, or -errno. */
int event_new(void);

/* Waits until there is something to read: 0, -ETIMEDOUT or -errno. */
int poll_wait(int fd, int timeout_ms);

/* Waits for an eventfd and resets its counter: 0, -ETIMEDOUT or -errno. */
int event_wait(int fd, int timeout_ms);

/* Resets the counter of an eventfd. */
void event_clear(int fd);

/* CLOCK_MONOTONIC, the clock of the timestamps in the error region. */
__u64 now_ns(void);

void sleep_ms(int ms);

/* Returns the time on that clock at which a wait that begins now must end. */
__u64 deadline_in(int ms);

/* Pauses between two looks at a condition. Returns false after the deadline. */
bool wait_on(__u64 deadline);

#endif
