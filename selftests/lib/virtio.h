/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_VIRTIO_H
#define ZPCI_SELFTEST_VIRTIO_H

#include "vfio.h"

/*
 * Makes a virtio function look for its first queue at an address that is not mapped.
 * -EOPNOTSUPP if it is no virtio function, or if its DMA does not go through an IOMMU
 * (in QEMU iommu_platform=off) and so cannot fail.
 */
int virtio_provoke_error(struct vfio_function *fn, __u64 unmapped);

#endif
