/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_RAW_NVME_H
#define ZPCI_SELFTEST_RAW_NVME_H

#include <linux/types.h>

/*
 * Provokes an error on an NVMe function through sysfs. It may be bound to
 * vfio-pci without an owner, or to a driver: that loses what the controller is
 * doing for it.
 */
int raw_nvme_provoke_error(const char *address, __u64 unmapped);

#endif
