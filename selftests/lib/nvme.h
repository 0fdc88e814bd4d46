/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_NVME_H
#define ZPCI_SELFTEST_NVME_H

#include <linux/types.h>
#include <stdbool.h>

#include "pattern.h"
#include "vfio.h"

/* The memory that the driver maps for the device: four rings, and one page of data. */
#define NVME_DMA_SIZE	0x5000

/* Bits of the controller's status: ready, fatal error. */
#define NVME_CSTS_RDY	0x1
#define NVME_CSTS_CFS	0x2

struct nvme_queue {
	__u16 id;
	__u32 sq_at;		/* offset of the rings in the DMA memory */
	__u32 cq_at;
	__u16 sq_tail;
	__u16 cq_head;
	__u8 phase;
	int event;		/* eventfd of its MSI-X vector */
};

/**
 * struct nvme - a small driver for one controller: an admin and an I/O queue
 *
 * @fn: the function
 * @mem: DMA memory
 * @iova: its address for the device
 * @stride: distance of two doorbells
 * @command_id: of the last command
 * @admin: commands to the controller, on vector 0
 * @io: reads and writes, on vector 1
 * @model: name of the disk
 *
 * A command is complete when its interrupt has come: the completion ring is
 * never looked at before, so a lost interrupt shows as -ETIMEDOUT.
 */
struct nvme {
	struct vfio_function *fn;
	void *mem;
	__u64 iova;
	__u32 stride;
	__u16 command_id;
	struct nvme_queue admin;
	struct nvme_queue io;
	char model[41];
};

/* Maps memory, sets up interrupts, and enables the controller. */
int nvme_start(struct nvme *nvme, struct vfio_function *fn, __u64 iova);
void nvme_stop(struct nvme *nvme);

/*
 * Enables the controller after a reset. Interrupts and DMA are not set up again, except
 * that the C version needs memory to be mapped again.
 */
int nvme_reinit(struct nvme *nvme);

int nvme_read(struct nvme *nvme, __u64 block, void *buf);
/* Reads a block to an address that is mapped for the device. */
int nvme_read_to(struct nvme *nvme, __u64 block, __u64 iova);
int nvme_write(struct nvme *nvme, __u64 block, const void *buf);
/* Reads a block and compares it with the test disk's pattern: -EILSEQ if it differs. */
int nvme_verify(struct nvme *nvme, __u64 block);

/*
 * Makes the controller fetch a command from an address that is not mapped: a real error
 * of the device's own DMA.
 */
int nvme_provoke_error(struct nvme *nvme, __u64 unmapped);

int nvme_status(struct nvme *nvme, __u32 *csts);

#endif
