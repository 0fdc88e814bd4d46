/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_NVME_REGS_H
#define ZPCI_SELFTEST_NVME_REGS_H

#include <linux/types.h>

/* Registers and structures from the NVM Express Base Specification. */
#define NVME_BAR		0
#define NVME_REG_CAP		0x00
#define NVME_REG_CC		0x14
#define NVME_REG_CSTS		0x1c
#define NVME_REG_AQA		0x24
#define NVME_REG_ASQ		0x28
#define NVME_REG_ACQ		0x30
#define NVME_REG_DOORBELL	0x1000

#define NVME_CC_ENABLE		0x1
/* Submission entries have 64 bytes, completion entries 16. */
#define NVME_CC_ENTRY_SIZES	(6 << 16 | 4 << 20)

#define NVME_ADMIN_CREATE_SQ	0x01
#define NVME_ADMIN_CREATE_CQ	0x05
#define NVME_ADMIN_IDENTIFY	0x06
#define NVME_IO_WRITE		0x01
#define NVME_IO_READ		0x02

/* A command; all fields are little-endian. */
struct nvme_command {
	__u8 opcode;
	__u8 flags;
	__u16 command_id;
	__u32 nsid;
	__u64 reserved;
	__u64 metadata;
	__u64 prp1;
	__u64 prp2;
	__u32 cdw10;
	__u32 cdw11;
	__u32 cdw12;
	__u32 cdw13;
	__u32 cdw14;
	__u32 cdw15;
};

struct nvme_completion {
	__u32 result;
	__u32 reserved;
	__u16 sq_head;
	__u16 sq_id;
	__u16 command_id;
	__u16 status;		/* bit 0 is the phase */
};

#endif
