/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_RECOVERY_H
#define ZPCI_SELFTEST_RECOVERY_H

#include "pci.h"

/* Names of channel states in the table. */
#define CHANNEL_NORMAL	"normal"
#define CHANNEL_FROZEN	"frozen"
#define CHANNEL_FAILED	"permanent-failure"

/*
 * A line of the table in debugfs. The last three columns are there only while a
 * function is open.
 */
struct recovery_state {
	char channel[24];
	char owner[16];
	char recovery[16];
	unsigned int opened;
	unsigned int resets;
	unsigned int recovered;
	unsigned int unprocessed;
	unsigned int ignored;
	unsigned long captured;
	unsigned int waiting;
	unsigned int dropped;
};

/* Reads a function's line; -ENOENT on a kernel without the table. */
int recovery_state(const char *address, struct recovery_state *state);

/* Wait until the channel has this state, or until the owner has had this many events. */
int recovery_wait_channel(const char *address, const char *channel, int timeout_ms);
int recovery_wait_captured(const char *address, unsigned long captured, int timeout_ms);

#endif
