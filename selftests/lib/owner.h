/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_OWNER_H
#define ZPCI_SELFTEST_OWNER_H

#include "error_event.h"
#include "nvme.h"
#include "wait.h"

/* A block of the test disk that tests read. */
#define TEST_BLOCK	7

/**
 * struct owner - an owner of an NVMe function, as the tests and the demo play it
 *
 * @fn: the open function
 * @nvme: the driver of it
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

/* The first opening after an error may fail there, and the next one works. */
bool is_c_version(void);

/*
 * Binds, opens, and brings the disk up. Does not listen for errors. The driver
 * is vfio-pci, unless the environment names another.
 */
#define OWNER_DRIVER	"ZPCI_VFIO_DRIVER"
int owner_open(struct owner *owner, enum vfio_mode mode);
/* The same without binding, for a function that is known. */
int owner_open_at(struct owner *owner, const char *address, enum vfio_mode mode);
/* And for a virtual machine. */
int owner_open_in_machine(struct owner *owner, const char *address, enum vfio_mode mode);
/*
 * For a function that has just come: it can be seen before drivers may have
 * it, the host's own driver may have it first, and it can be opened last of all.
 */
int owner_open_new(struct owner *owner, const char *address, enum vfio_mode mode);
void owner_close(struct owner *owner);

int owner_listen(struct owner *owner);

/* Provokes an error; returns once the owner was told, -ETIMEDOUT if it was not. */
int owner_suffer(struct owner *owner);
/* What an owner does then: reset, and bring the disk up again. */
int owner_recover(struct owner *owner);

/* First address that the function can use for DMA. */
int dma_start(struct vfio_function *fn, __u64 *start);

/* The addresses that are used, counted from there. */
#define DMA_BUFFER_AT	0
#define DMA_UNMAPPED_AT	0x200000

/*
 * Takes an event from the region or, with a kernel that has none, by the
 * feature, which tells less: 0, -ENOMSG if there is none, or -errno.
 */
int owner_take(struct owner *owner, struct vfio_device_zpci_err_region *event);

#endif
