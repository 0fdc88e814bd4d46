/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_WAIT_H
#define ZPCI_SELFTEST_WAIT_H

#include <linux/types.h>
#include <stdbool.h>

#include "long.h"

/*
 * The time that a test waits for something that must happen. A debug kernel is slow in
 * the emulator, most of all in a storm; a test that waits in vain must still end before
 * the harness kills it.
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

/* The time on that clock at which a wait that begins now must end. */
__u64 deadline_in(int ms);

/* Lets a little time pass between two looks. Returns false after the deadline. */
bool wait_on(__u64 deadline);

#endif
