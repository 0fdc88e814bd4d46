/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_HOST_H
#define ZPCI_SELFTEST_HOST_H

#include <linux/types.h>

/*
 * The emulator, asked to plug functions: who watches the console of this
 * machine passes such a line on (QMP). Nothing comes back but what happens.
 * The arguments are JSON, but with single quotes.
 */
void host_command(const char *command, const char *arguments, ...)
	__attribute__((format(printf, 2, 3)));

/* Plugs an NVMe function with an empty disk. Returns what it is called outside. */
__u64 host_plug_nvme(int uid);
/* The same, with a function ID that is not its UID. */
__u64 host_plug_nvme_as(int uid, int fid);

/* Plugs a network adapter that is connected to nothing. */
__u64 host_plug_e1000e(int uid);

/* Asks for a function back that was plugged here. */
void host_unplug(__u64 name);

#endif
