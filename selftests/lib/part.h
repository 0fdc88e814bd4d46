/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_PART_H
#define ZPCI_SELFTEST_PART_H

/*
 * A function that the platform announces again as something else: as a part of a device
 * with several functions, or as a virtual one. To be included after kselftest_harness.h.
 */
#include "rough.h"

struct part {
	struct owner owner;
	unsigned long fid;
	/* Where it was, and where it is as a part of the device. */
	char before[PCI_ADDRESS_LEN];
	char address[PCI_ADDRESS_LEN];
	char slot[16];
};

/* The platform reports a change of it; @more is said to the plugin besides. */
static inline int part_announce(const struct part *part, __u16 pec, const char *more)
{
	return platform_command("event pec=0x%x fid=%lu %s", pec, part->fid, more);
}

/* Gives it to somebody else, so that nothing is left of it here. */
static inline void part_give_away(struct __test_metadata *_metadata, const struct part *part)
{
	ASSERT_EQ(0, part_announce(part, PEC_DECONFIGURED, ""));
	ASSERT_EQ(0, part_announce(part, PEC_RESERVED, ""));
	ASSERT_EQ(0, pci_wait_slot(part->slot, false, PATIENCE_MS)) {
		TH_LOG("function %s does not go", part->before);
	}
}

static inline void part_get_back(struct __test_metadata *_metadata, const struct part *part,
				 const char *address)
{
	ASSERT_EQ(0, part_announce(part, PEC_CONFIGURED, ""));
	ASSERT_EQ(0, pci_wait_present(address, true, PATIENCE_MS)) {
		TH_LOG("function %s does not come", address);
	}
}

static inline void part_find(struct __test_metadata *_metadata, struct part *part,
			     const char *address)
{
	memcpy(part->before, address, sizeof(part->before));
	/* A driver for NVMe that has just begun waits for its commands for a minute. */
	ASSERT_EQ(0, pci_bind_new(address, "vfio-pci", PATIENCE_MS));
	ASSERT_EQ(0, pci_read_attr(address, "function_id", &part->fid));
	ASSERT_EQ(0, pci_slot(address, part->slot, sizeof(part->slot)));
}

static inline void part_open(struct __test_metadata *_metadata, struct part *part)
{
	ASSERT_EQ(0, owner_open_new(&part->owner, part->address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, owner_listen(&part->owner));
}

/* How often it was disabled: a reset of it does so. */
static inline long part_disabled(const struct part *part)
{
	return platform_number("count disable fid=%lu", part->fid);
}

#endif
