/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_KMSG_H
#define ZPCI_SELFTEST_KMSG_H

#include <linux/types.h>
#include <stddef.h>

/* Opens the kernel's log; reads begin behind its last message: a file descriptor or -errno. */
int kmsg_open(void);

/* Logs a message and returns its number, or -errno. The next message has the next number. */
long long kmsg_sequence(void);

/* Copies the text of the next message, without its header: -EAGAIN if there is none. */
int kmsg_next(int fd, char *text, size_t len);

/* Waits for a message that contains the text: 0 or -ETIMEDOUT. */
int kmsg_wait(int fd, const char *text, int timeout_ms);

#endif
