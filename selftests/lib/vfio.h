/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_VFIO_H
#define ZPCI_SELFTEST_VFIO_H

#include <linux/types.h>
#include <linux/vfio.h>
#include <linux/vfio_zdev.h>

#include "pci.h"

/*
 * The two ways to open a function: by its group and a type 1 container, or by its own
 * device node and iommufd.
 */
enum vfio_mode {
	VFIO_GROUP_TYPE1,
	VFIO_CDEV_IOMMUFD,
};

struct vfio_window {
	__u64 offset;
	__u64 size;
};

/**
 * struct vfio_function - an open function
 *
 * @address: its PCI address
 * @mode: how it was opened
 * @iommu: the container or the iommufd
 * @group: the group, -1 with a cdev
 * @device: the function itself
 * @ioas: the I/O address space, with iommufd
 * @window: where its BARs and its configuration space are in @device
 * @by_feature: the kernel has no error region, and other rules for its clients
 * @in_machine: the function belongs to a virtual machine
 */
struct vfio_function {
	char address[PCI_ADDRESS_LEN];
	enum vfio_mode mode;
	int iommu;
	int group;
	int device;
	__u32 ioas;
	struct vfio_window window[VFIO_PCI_CONFIG_REGION_INDEX + 1];
	int by_feature;
	bool in_machine;
};

/* All functions here return 0 or -errno unless a comment says otherwise. */
int vfio_open(struct vfio_function *fn, const char *address, enum vfio_mode mode);
/* Opens a function for a virtual machine, which zpci_machine.ko plays. */
int vfio_open_in_machine(struct vfio_function *fn, const char *address, enum vfio_mode mode);
/* Opens a function in the I/O address space of another one. */
int vfio_open_beside(struct vfio_function *fn, const char *address, struct vfio_function *other);
void vfio_close(struct vfio_function *fn);
/*
 * Resets a function like an owner. The C version may still be busy with an event when
 * it signals the event, so this tries again after EAGAIN and EIO. The C version also
 * does not restore Command, so this writes it.
 */
int vfio_reset(struct vfio_function *fn);
/* Resets a function, also with further tries, but does not write Command. */
int vfio_reset_only(struct vfio_function *fn);
/* Calls VFIO_DEVICE_RESET once. */
int vfio_reset_once(struct vfio_function *fn);

int vfio_dma_map(struct vfio_function *fn, void *vaddr, __u64 iova, __u64 size);
int vfio_dma_unmap(struct vfio_function *fn, __u64 iova, __u64 size);

/* Number of vectors of an interrupt index, or -errno. */
int vfio_irq_count(struct vfio_function *fn, __u32 index);
int vfio_irq_set(struct vfio_function *fn, __u32 index, const int *eventfds, __u32 count);
int vfio_irq_clear(struct vfio_function *fn, __u32 index);

int vfio_config_read(struct vfio_function *fn, __u64 offset, void *buf, size_t len);
int vfio_config_write(struct vfio_function *fn, __u64 offset, const void *buf, size_t len);
/* Lets the function respond to loads and stores, and do DMA. */
int vfio_enable_bus_master(struct vfio_function *fn);

/* BARs are little-endian: the 32-bit accessors convert, the other ones copy bytes. */
int vfio_bar_read(struct vfio_function *fn, int bar, __u64 offset, void *buf, size_t len);
int vfio_bar_write(struct vfio_function *fn, int bar, __u64 offset, const void *buf, size_t len);
int vfio_bar_read32(struct vfio_function *fn, int bar, __u64 offset, __u32 *value);
int vfio_bar_write32(struct vfio_function *fn, int bar, __u64 offset, __u32 value);

#endif
