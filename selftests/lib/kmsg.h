/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_KMSG_H
#define ZPCI_SELFTEST_KMSG_H

#include <linux/types.h>
#include <stddef.h>

/* Opens the kernel's log behind all that is in it: a file descriptor or -errno. */
int kmsg_open(void);

/* The number of the message that comes next, of which one is used up: or -errno. */
long long kmsg_sequence(void);

/* Copies the next message, without what stands before its text: -EAGAIN if none is there. */
int kmsg_next(int fd, char *text, size_t len);

/* Waits for a message that contains the text: 0 or -ETIMEDOUT. */
int kmsg_wait(int fd, const char *text, int timeout_ms);

#endif
