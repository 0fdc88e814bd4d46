/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_PCI_H
#define ZPCI_SELFTEST_PCI_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Address of a function, as sysfs writes it: 0001:00:00.0 */
#define PCI_ADDRESS_LEN	13

enum pci_kind {
	PCI_KIND_NVME,		/* an NVMe controller */
	PCI_KIND_NON_PCIE,	/* a function without the PCI Express capability */
};

/*
 * Finds a function of a kind: the one that ZPCI_NVME or ZPCI_NON_PCIE in the
 * environment names, or any; -ENODEV if there is none.
 */
int pci_find(enum pci_kind kind, char *address);

/* Finds a function of a kind other than @not_this. */
int pci_find_other(enum pci_kind kind, const char *not_this, char *address);

/* Finds all functions of a kind, up to @room: their number, or -errno. */
int pci_find_all(enum pci_kind kind, char addresses[][PCI_ADDRESS_LEN], int room);

bool pci_is_pcie(const char *address);

/* Binds a function to a driver through driver_override. */
int pci_bind(const char *address, const char *driver);

/*
 * Binds a function that has just been plugged. Tries until that works: sysfs shows a
 * function before it can be bound.
 */
int pci_bind_new(const char *address, const char *driver, int timeout_ms);

/* Unbinds a function; waits until user space has closed it. */
int pci_unbind(const char *address);

/* Returns the name of the driver; -ENODEV if there is none. */
int pci_driver(const char *address, char *driver, size_t len);

/* Number of the IOMMU group, or -errno. */
int pci_iommu_group(const char *address);

/* Accesses config space through sysfs: the host's view, not vfio's. */
int pci_config_read(const char *address, off_t offset, void *buf, size_t len);
int pci_config_write(const char *address, off_t offset, const void *buf, size_t len);

/* Whether config space can be read: a function in error reads as all ones. */
bool pci_answers(const char *address);

/* Waits until the function's config space can be read: 0 or -ETIMEDOUT. */
int pci_wait_answers(const char *address, int timeout_ms);

/* Waits until sysfs shows the function, or does not show it any more: 0 or -ETIMEDOUT. */
int pci_wait_present(const char *address, bool present, int timeout_ms);

/* Waits for the block device of an NVMe function with the kernel's driver: 0 or -ETIMEDOUT. */
int pci_wait_disk(const char *address, char *path, size_t len, int timeout_ms);

/* Finds and switches the hotplug slot of a function. The slot stays while the function is off. */
int pci_slot(const char *address, char *slot, size_t len);
int pci_slot_power(const char *slot, bool on);
int pci_wait_slot(const char *slot, bool present, int timeout_ms);

/* Reads a number from an attribute of the function, or writes one word to it. */
int pci_read_attr(const char *address, const char *attr, unsigned long *value);
int pci_write_attr(const char *address, const char *attr, const char *value);

#endif
