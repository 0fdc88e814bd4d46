/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_INJECT_H
#define ZPCI_SELFTEST_INJECT_H

#include <stdbool.h>
#include <sys/types.h>

#include "ccdf.h"

#define INJECT_ERROR		"error"
#define INJECT_AVAILABILITY	"availability"

/* Loads the module of the injector if necessary; returns whether the injector is there. */
bool inject_load(void);

/* Opens a file of the injector for several events: a file descriptor or -errno. */
int inject_open(const char *file);

/* Writes to a file of the injector as pwrite() does: number of bytes, or -errno. */
ssize_t inject_write(const char *file, const void *raw, size_t len, off_t offset);

/* Injects an event: 0 or -errno. */
int inject_ccdf(const char *file, const struct ccdf *ccdf);

/* Puts the ID and the present handle of a function into an event: 0 or -errno. */
int inject_aim(const char *address, struct ccdf *ccdf);

/* Injects an event of a function, with its present handle. */
int inject_event(const char *file, const char *address, __u16 pec);
int inject_error(const char *address, __u16 pec);

#endif
