/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_CHILD_H
#define ZPCI_SELFTEST_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "vfio.h"

/*
 * Does something over and over, or once: in a child, as it may never come back.
 * The child has copies of all descriptors, but must not have the function, if one
 * is given. It ends with its parent.
 */
pid_t child_start(struct vfio_function *fn, int (*act)(const void *arg), const void *arg,
		  bool again);

/* Waits for a child that ends by itself: -ETIMEDOUT, or -EIO if it has failed. */
int child_wait(pid_t child);

/* Ends a child that does something over and over: 0 if nothing has failed there. */
int child_stop(pid_t child);

#endif
