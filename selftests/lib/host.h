/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_HOST_H
#define ZPCI_SELFTEST_HOST_H

#include <linux/types.h>

/*
 * Asks the emulator to plug functions. The script that watches this machine's console
 * passes the printed line on to QEMU (QMP). There is no answer: a test sees whether the
 * function comes. The arguments are JSON, but with single quotes.
 */
void host_command(const char *command, const char *arguments, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Plugs an NVMe function with an empty disk. Returns QEMU's name of the function, for
 * unplugging.
 */
__u64 host_plug_nvme(int uid);
/* Plugs an NVMe function whose function ID differs from its UID. */
__u64 host_plug_nvme_as(int uid, int fid);

/* Plugs a network adapter that is connected to nothing. */
__u64 host_plug_e1000e(int uid);

/* Asks this system to give back a function that was plugged here. */
void host_unplug(__u64 name);

#endif
