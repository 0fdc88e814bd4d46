/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_OWNER_H
#define ZPCI_SELFTEST_OWNER_H

#include "error_event.h"
#include "nvme.h"
#include "wait.h"

/* The block of the test disk that tests read. */
#define TEST_BLOCK	7

/**
 * struct owner - an owner of an NVMe function, as the tests and the demo play it
 *
 * @fn: the open function
 * @nvme: the driver of the function
 * @region: the error region
 * @error_event: eventfd for errors; counts only after owner_listen()
 * @unmapped: an address where the device finds nothing
 */
struct owner {
	struct vfio_function fn;
	struct nvme nvme;
	struct vfio_region_info region;
	int error_event;
	__u64 unmapped;
};

/* Whether the kernel has the C version, in which the first open after an error may fail. */
bool is_c_version(void);

/*
 * Binds and opens the function, and brings its disk up; does not listen for errors. The
 * driver is vfio-pci, unless the environment names another.
 */
#define OWNER_DRIVER	"ZPCI_VFIO_DRIVER"
int owner_open(struct owner *owner, enum vfio_mode mode);
/* Opens a function that is bound already. */
int owner_open_at(struct owner *owner, const char *address, enum vfio_mode mode);
/* Opens a function for a virtual machine. */
int owner_open_in_machine(struct owner *owner, const char *address, enum vfio_mode mode);
/*
 * Binds and opens a function that has just been plugged. Tries until that works: sysfs
 * shows a function before it can be bound, and the host's own driver may bind it first.
 */
int owner_open_new(struct owner *owner, const char *address, enum vfio_mode mode);
void owner_close(struct owner *owner);

int owner_listen(struct owner *owner);

/* Provokes an error and waits until the owner is woken; -ETIMEDOUT if nothing wakes it. */
int owner_suffer(struct owner *owner);
/* Resets the function, and brings the disk up again. */
int owner_recover(struct owner *owner);

/* The first address that the function can use for DMA. */
int dma_start(struct vfio_function *fn, __u64 *start);

/* Offsets from that address: of mapped memory, and of an address that is not mapped. */
#define DMA_BUFFER_AT	0
#define DMA_UNMAPPED_AT	0x200000

/*
 * Takes an event from the region, or by the feature on a kernel without the region; the
 * other fields are then 0. Returns 0, -ENOMSG if there is no event, or -errno.
 */
int owner_take(struct owner *owner, struct vfio_device_zpci_err_region *event);

#endif
