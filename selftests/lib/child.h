/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_CHILD_H
#define ZPCI_SELFTEST_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "vfio.h"

/*
 * Calls @act once, or again and again, in a child, because a call may never return. The
 * child closes its copies of @fn's descriptors, so that it does not keep the function
 * open. The child ends with its parent.
 */
pid_t child_start(struct vfio_function *fn, int (*act)(const void *arg), const void *arg,
		  bool again);

/* Waits until a child has ended by itself: 0, -ETIMEDOUT, or -EIO if the child has failed. */
int child_wait(pid_t child);

/* Stops a child that calls again and again: 0 if no call has failed. */
int child_stop(pid_t child);

#endif
