/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_RAW_NVME_H
#define ZPCI_SELFTEST_RAW_NVME_H

#include <linux/types.h>

/*
 * Provokes an error of an NVMe function through sysfs. The function may be bound to
 * vfio-pci and not open, or to a driver, whose commands are lost.
 */
int raw_nvme_provoke_error(const char *address, __u64 unmapped);

#endif
