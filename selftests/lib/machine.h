/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_MACHINE_H
#define ZPCI_SELFTEST_MACHINE_H

/* The module zpci_machine.ko, which stands in KVM's place. */
#define MACHINE		"zpci_machine"

/* Makes a vfio group or device belong to the machine, or not any more: 0 or -errno. */
int machine_add(int fd);
int machine_del(int fd);

/* Sets or returns a parameter of the module: a number, or -errno. */
int machine_set(const char *parameter, int value);
int machine_get(const char *parameter);

#endif
