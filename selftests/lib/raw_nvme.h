/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_RAW_NVME_H
#define ZPCI_SELFTEST_RAW_NVME_H

#include <linux/types.h>

/*
 * Provokes an error on an NVMe function that nobody has opened, through
 * sysfs: for a function that is bound to vfio-pci, but has no owner.
 */
int raw_nvme_provoke_error(const char *address, __u64 unmapped);

#endif
