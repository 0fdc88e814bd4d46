// SPDX-License-Identifier: GPL-2.0-only
/*
 * Provokes errors of an NVMe function that is not open. On s390 user space cannot load
 * from a mapped BAR, nor store to it: there are system calls for that.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nvme.h"
#include "nvme_regs.h"
#include "pci.h"
#include "raw_nvme.h"
#include "wait.h"

#define BAR_LEN		0x2000

static int store(void *bar, __u32 reg, __u32 value)
{
	value = htole32(value);
	return syscall(__NR_s390_pci_mmio_write, bar + reg, &value, sizeof(value)) ? -errno : 0;
}

static int wait_ready(void *bar)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	__u32 csts;

	do {
		if (syscall(__NR_s390_pci_mmio_read, bar + NVME_REG_CSTS, &csts, sizeof(csts)))
			return -errno;
		csts = le32toh(csts);
		if (csts == ~0U)
			return -ENODEV;
		if (csts & NVME_CSTS_RDY)
			return 0;
	} while (wait_on(deadline));
	return -ETIMEDOUT;
}

static int provoke(void *bar, __u64 unmapped)
{
	const struct { __u32 reg, value; } *step, steps[] = {
		{ NVME_REG_CC, 0 },
		{ NVME_REG_AQA, 1 << 16 | 1 },
		{ NVME_REG_ASQ, (__u32)unmapped },
		{ NVME_REG_ASQ + 4, unmapped >> 32 },
		{ NVME_REG_ACQ, (__u32)unmapped },
		{ NVME_REG_ACQ + 4, unmapped >> 32 },
		{ NVME_REG_CC, NVME_CC_ENTRY_SIZES | NVME_CC_ENABLE },
		{ 0 },
	};
	int ret;

	for (step = steps; step->reg; step++) {
		ret = store(bar, step->reg, step->value);
		if (ret)
			return ret;
	}
	ret = wait_ready(bar);
	return ret ? ret : store(bar, NVME_REG_DOORBELL, 1);
}

int raw_nvme_provoke_error(const char *address, __u64 unmapped)
{
	__u16 command = htole16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	char path[PATH_MAX];
	void *bar;
	int fd, ret;

	/* vfio-pci suspends a function that is not open; this resumes it. */
	ret = pci_write_attr(address, "power/control", "on");
	if (ret && ret != -ENOENT)
		return ret;
	ret = pci_config_write(address, PCI_COMMAND, &command, sizeof(command));
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%d", address, NVME_BAR);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	bar = mmap(NULL, BAR_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ret = bar == MAP_FAILED ? -errno : 0;
	close(fd);
	if (ret)
		return ret;
	ret = provoke(bar, unmapped);
	munmap(bar, BAR_LEN);
	return ret;
}
