/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_MACHINE_H
#define ZPCI_SELFTEST_MACHINE_H

/* zpci_machine.ko, which stands in KVM's place. */
#define MACHINE		"zpci_machine"

/* Says that a group or a device of vfio belongs to the machine, or no longer: 0 or -errno. */
int machine_add(int fd);
int machine_del(int fd);

/* What the module is told, or tells: a number, or -errno. */
int machine_set(const char *parameter, int value);
int machine_get(const char *parameter);

#endif
