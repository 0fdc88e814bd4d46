/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_CHILD_H
#define ZPCI_SELFTEST_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "vfio.h"

/*
 * Calls @act once, or again and again, in a child, as a call may never return. The
 * child has copies of all descriptors but those of @fn, so that it does not hold the
 * function open. It ends with its parent.
 */
pid_t child_start(struct vfio_function *fn, int (*act)(const void *arg), const void *arg,
		  bool again);

/* Waits for a child that ends by itself: -ETIMEDOUT, or -EIO if it has failed. */
int child_wait(pid_t child);

/* Ends a child that calls again and again: 0 if no call has failed. */
int child_stop(pid_t child);

#endif
