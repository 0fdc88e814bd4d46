/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What vfio-pci-core asks of its s390 part, where that is in Rust.
 *
 * This header is read by bindgen, so that both sides are checked against it.
 */
#ifndef VFIO_PCI_ZDEV_RUST_H
#define VFIO_PCI_ZDEV_RUST_H

#include <linux/errno.h>
#include <linux/types.h>

struct vfio_device;
struct vfio_info_cap;
struct vfio_pci_core_device;

#ifdef CONFIG_VFIO_PCI_ZDEV_RUST

/* As in the C version. */
int vfio_pci_info_zdev_add_caps(struct vfio_pci_core_device *vdev,
				struct vfio_info_cap *caps);
int vfio_pci_zdev_open_device(struct vfio_pci_core_device *vdev);
void vfio_pci_zdev_close_device(struct vfio_pci_core_device *vdev);
int vfio_pci_zdev_feature_err(struct vfio_device *device, u32 flags,
			      void __user *arg, size_t argsz);

/* Before a function is enabled: reset it if it is in error. */
int vfio_pci_zdev_repair(struct vfio_pci_core_device *vdev);

/* After the last reset of a function that was closed. */
void vfio_pci_zdev_closed(struct vfio_pci_core_device *vdev);

/* VFIO_DEVICE_RESET. */
int vfio_pci_zdev_reset(struct vfio_pci_core_device *vdev);

/* The error eventfd has changed; igate is held. */
void vfio_pci_zdev_err_trigger(struct vfio_pci_core_device *vdev);

#else

static inline int vfio_pci_zdev_repair(struct vfio_pci_core_device *vdev)
{
	return 0;
}

static inline void vfio_pci_zdev_closed(struct vfio_pci_core_device *vdev)
{
}

static inline int vfio_pci_zdev_reset(struct vfio_pci_core_device *vdev)
{
	return -ENOTTY;
}

static inline void vfio_pci_zdev_err_trigger(struct vfio_pci_core_device *vdev)
{
}

#endif

#endif /* VFIO_PCI_ZDEV_RUST_H */
