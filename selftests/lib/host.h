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

/* Asks for such a function back. */
void host_unplug_nvme(__u64 name);

#endif
