// SPDX-License-Identifier: GPL-2.0-only
/* A small NVMe driver in user space, after the NVM Express Base Specification. */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nvme.h"
#include "nvme_regs.h"
#include "wait.h"

#define ENTRIES		16
#define PAGE		0x1000
#define DATA_AT		0x4000

int nvme_status(struct nvme *nvme, __u32 *csts)
{
	return vfio_bar_read32(nvme->fn, NVME_BAR, NVME_REG_CSTS, csts);
}

static int write_reg(struct nvme *nvme, __u32 reg, __u32 value)
{
	return vfio_bar_write32(nvme->fn, NVME_BAR, reg, value);
}

static int write_reg64(struct nvme *nvme, __u32 reg, __u64 value)
{
	int ret = write_reg(nvme, reg, (__u32)value);

	return ret ? ret : write_reg(nvme, reg + 4, value >> 32);
}

/* The controller has no interrupt for "enabled", so this polls its status register. */
static int wait_ready(struct nvme *nvme, __u32 wanted)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	__u32 csts;
	int ret;

	do {
		ret = nvme_status(nvme, &csts);
		if (ret)
			return ret;
		if (csts == ~0U)
			return -ENODEV;
		if ((csts & NVME_CSTS_RDY) == wanted)
			return 0;
	} while (wait_on(deadline));
	return -ETIMEDOUT;
}

static int disable(struct nvme *nvme)
{
	int ret = write_reg(nvme, NVME_REG_CC, 0);

	return ret ? ret : wait_ready(nvme, 0);
}

static int enable(struct nvme *nvme, __u64 sq, __u64 cq)
{
	int ret;

	ret = write_reg(nvme, NVME_REG_AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	if (!ret)
		ret = write_reg64(nvme, NVME_REG_ASQ, sq);
	if (!ret)
		ret = write_reg64(nvme, NVME_REG_ACQ, cq);
	if (!ret)
		ret = write_reg(nvme, NVME_REG_CC, NVME_CC_ENTRY_SIZES | NVME_CC_ENABLE);
	return ret ? ret : wait_ready(nvme, NVME_CSTS_RDY);
}

static int ring(struct nvme *nvme, struct nvme_queue *queue, bool completion, __u16 value)
{
	return write_reg(nvme, NVME_REG_DOORBELL + (2 * queue->id + completion) * nvme->stride,
			 value);
}

/* Takes one completion. Must be called only after an interrupt. */
static int take_completion(struct nvme *nvme, struct nvme_queue *queue, __u16 id)
{
	struct nvme_completion *entry =
		nvme->mem + queue->cq_at + queue->cq_head * sizeof(*entry);
	__u16 status;
	int ret;

	/* Read the phase first: the other fields are only valid if the phase is right. */
	status = le16toh(__atomic_load_n(&entry->status, __ATOMIC_ACQUIRE));
	if ((status & 1) != queue->phase)
		return -EAGAIN;
	if (le16toh(entry->command_id) != id)
		return -EPROTO;
	if (++queue->cq_head == ENTRIES) {
		queue->cq_head = 0;
		queue->phase ^= 1;
	}
	ret = ring(nvme, queue, true, queue->cq_head);
	if (ret)
		return ret;
	return status >> 1 ? -EIO : 0;
}

static int submit(struct nvme *nvme, struct nvme_queue *queue, struct nvme_command *command)
{
	struct nvme_command *ring_at = nvme->mem + queue->sq_at;
	int ret;

	command->command_id = htole16(++nvme->command_id);
	ring_at[queue->sq_tail] = *command;
	queue->sq_tail = (queue->sq_tail + 1) % ENTRIES;
	/* The device may fetch the command as soon as the doorbell rings. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	ret = ring(nvme, queue, false, queue->sq_tail);
	if (ret)
		return ret;
	do {
		ret = event_wait(queue->event, PATIENCE_MS);
		if (!ret)
			ret = take_completion(nvme, queue, nvme->command_id);
	} while (ret == -EAGAIN);
	return ret;
}

static void queue_init(struct nvme_queue *queue, __u16 id, int event)
{
	memset(queue, 0, sizeof(*queue));
	queue->id = id;
	queue->sq_at = 2 * id * PAGE;
	queue->cq_at = queue->sq_at + PAGE;
	queue->phase = 1;
	queue->event = event;
	event_clear(event);
}

static int create_io_queue(struct nvme *nvme)
{
	struct nvme_command cq = {
		.opcode = NVME_ADMIN_CREATE_CQ,
		.prp1 = htole64(nvme->iova + nvme->io.cq_at),
		.cdw10 = htole32((ENTRIES - 1) << 16 | nvme->io.id),
		.cdw11 = htole32(1 << 16 | 2 | 1),	/* vector 1, interrupts, contiguous */
	};
	struct nvme_command sq = {
		.opcode = NVME_ADMIN_CREATE_SQ,
		.prp1 = htole64(nvme->iova + nvme->io.sq_at),
		.cdw10 = htole32((ENTRIES - 1) << 16 | nvme->io.id),
		.cdw11 = htole32(nvme->io.id << 16 | 1),
	};
	int ret = submit(nvme, &nvme->admin, &cq);

	return ret ? ret : submit(nvme, &nvme->admin, &sq);
}

static int identify(struct nvme *nvme)
{
	struct nvme_command command = {
		.opcode = NVME_ADMIN_IDENTIFY,
		.prp1 = htole64(nvme->iova + DATA_AT),
		.cdw10 = htole32(1),			/* identify the controller */
	};
	int ret = submit(nvme, &nvme->admin, &command);
	int len = sizeof(nvme->model) - 1;

	if (ret)
		return ret;
	memcpy(nvme->model, nvme->mem + DATA_AT + 24, len);
	while (len && (nvme->model[len - 1] == ' ' || !nvme->model[len - 1]))
		nvme->model[--len] = 0;
	return 0;
}

/* After a reset the C version does not tell QEMU of the mappings again. */
static int renew_mapping(struct nvme *nvme)
{
	int ret = vfio_dma_unmap(nvme->fn, nvme->iova, NVME_DMA_SIZE);

	return ret ? ret : vfio_dma_map(nvme->fn, nvme->mem, nvme->iova, NVME_DMA_SIZE);
}

int nvme_reinit(struct nvme *nvme)
{
	__u32 cap_high;
	int ret;

	ret = nvme->fn->by_feature ? renew_mapping(nvme) : 0;
	if (!ret)
		ret = vfio_bar_read32(nvme->fn, NVME_BAR, NVME_REG_CAP + 4, &cap_high);
	if (ret)
		return ret;
	nvme->stride = 4 << (cap_high & 0xf);

	/*
	 * Disable the controller first: a late completion could come after the rings
	 * are cleared.
	 */
	ret = disable(nvme);
	if (ret)
		return ret;
	memset(nvme->mem, 0, NVME_DMA_SIZE);
	queue_init(&nvme->admin, 0, nvme->admin.event);
	queue_init(&nvme->io, 1, nvme->io.event);
	ret = enable(nvme, nvme->iova + nvme->admin.sq_at, nvme->iova + nvme->admin.cq_at);
	if (!ret)
		ret = identify(nvme);
	return ret ? ret : create_io_queue(nvme);
}

int nvme_start(struct nvme *nvme, struct vfio_function *fn, __u64 iova)
{
	int events[2], ret;

	memset(nvme, 0, sizeof(*nvme));
	nvme->fn = fn;
	nvme->iova = iova;
	nvme->mem = mmap(NULL, NVME_DMA_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (nvme->mem == MAP_FAILED) {
		nvme->mem = NULL;
		return -ENOMEM;
	}
	events[0] = event_new();
	events[1] = event_new();
	nvme->admin.event = events[0];
	nvme->io.event = events[1];
	if (events[0] < 0 || events[1] < 0)
		ret = -EMFILE;
	else
		ret = vfio_dma_map(fn, nvme->mem, iova, NVME_DMA_SIZE);
	if (!ret)
		ret = vfio_enable_bus_master(fn);
	if (!ret)
		ret = vfio_irq_set(fn, VFIO_PCI_MSIX_IRQ_INDEX, events, 2);
	if (!ret)
		ret = nvme_reinit(nvme);
	if (ret)
		nvme_stop(nvme);
	return ret;
}

void nvme_stop(struct nvme *nvme)
{
	if (!nvme->mem)
		return;
	/* Stop the device first: it could write into memory that is freed here. */
	disable(nvme);
	vfio_irq_clear(nvme->fn, VFIO_PCI_MSIX_IRQ_INDEX);
	vfio_dma_unmap(nvme->fn, nvme->iova, NVME_DMA_SIZE);
	close(nvme->admin.event);
	close(nvme->io.event);
	munmap(nvme->mem, NVME_DMA_SIZE);
	nvme->mem = NULL;
}

static int transfer(struct nvme *nvme, __u8 opcode, __u64 block, __u64 iova)
{
	struct nvme_command command = {
		.opcode = opcode,
		.nsid = htole32(1),
		.prp1 = htole64(iova),
		.cdw10 = htole32((__u32)block),
		.cdw11 = htole32(block >> 32),		/* cdw12 0: one block */
	};

	return submit(nvme, &nvme->io, &command);
}

int nvme_read_to(struct nvme *nvme, __u64 block, __u64 iova)
{
	return transfer(nvme, NVME_IO_READ, block, iova);
}

int nvme_read(struct nvme *nvme, __u64 block, void *buf)
{
	int ret = nvme_read_to(nvme, block, nvme->iova + DATA_AT);

	if (!ret)
		memcpy(buf, nvme->mem + DATA_AT, BLOCK_SIZE);
	return ret;
}

int nvme_write(struct nvme *nvme, __u64 block, const void *buf)
{
	memcpy(nvme->mem + DATA_AT, buf, BLOCK_SIZE);
	return transfer(nvme, NVME_IO_WRITE, block, nvme->iova + DATA_AT);
}

int nvme_verify(struct nvme *nvme, __u64 block)
{
	__u8 buf[BLOCK_SIZE];
	int ret;

	/* Overwrites the data of the previous read: it must not pass for that of this one. */
	memset(nvme->mem + DATA_AT, 0xa5, BLOCK_SIZE);
	ret = nvme_read(nvme, block, buf);
	if (ret)
		return ret;
	return pattern_matches(buf, block) ? 0 : -EILSEQ;
}

int nvme_provoke_error(struct nvme *nvme, __u64 unmapped)
{
	int ret = disable(nvme);

	if (!ret)
		ret = enable(nvme, unmapped, nvme->iova + nvme->admin.cq_at);
	return ret ? ret : ring(nvme, &nvme->admin, false, 1);
}
