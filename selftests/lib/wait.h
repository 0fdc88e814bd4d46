/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_WAIT_H
#define ZPCI_SELFTEST_WAIT_H

#include <linux/types.h>
#include <stdbool.h>

#include "long.h"

/*
 * How long anything that ought to happen may take. The emulator with a debug
 * kernel is slow, most of all under fire; a test that waits in vain still ends
 * well before the harness kills it.
 */
#define PATIENCE_MS	times(8000, 60000)

/* Returns a new eventfd whose reads never block, or -errno. */
int event_new(void);

/* Waits until there is something to read: 0, -ETIMEDOUT or -errno. */
int poll_wait(int fd, int timeout_ms);

/* Waits for an eventfd and takes what it counted: 0, -ETIMEDOUT or -errno. */
int event_wait(int fd, int timeout_ms);

/* Forgets what an eventfd has counted so far. */
void event_clear(int fd);

/* CLOCK_MONOTONIC, the clock of the timestamps in the error region. */
__u64 now_ns(void);

void sleep_ms(int ms);

/* When a wait that begins now has to end, on the same clock. */
__u64 deadline_in(int ms);

/* Lets a little time pass between two looks: false when it was the last one. */
bool wait_on(__u64 deadline);

#endif
