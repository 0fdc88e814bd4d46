/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_PART_H
#define ZPCI_SELFTEST_PART_H

/*
 * A function that the plugin presents as something else: as one of several functions of
 * a device, or as a virtual function. To be included after kselftest_harness.h.
 */
#include "rough.h"

struct part {
	struct owner owner;
	unsigned long fid;
	/*
	 * The function's address as a single function, and its address as a part of the
	 * device.
	 */
	char before[PCI_ADDRESS_LEN];
	char address[PCI_ADDRESS_LEN];
	char slot[16];
};

/* Raises an availability event of the function; @more are further words for the plugin. */
static inline int part_announce(const struct part *part, __u16 pec, const char *more)
{
	return platform_command("event pec=0x%x fid=%lu %s", pec, part->fid, more);
}

/* Gives the function to another system, so that this kernel forgets it. */
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
	/*
	 * The kernel's NVMe driver would wait a minute for its first commands if its
	 * function goes then.
	 */
	ASSERT_EQ(0, pci_bind_new(address, "vfio-pci", PATIENCE_MS));
	ASSERT_EQ(0, pci_read_attr(address, "function_id", &part->fid));
	ASSERT_EQ(0, pci_slot(address, part->slot, sizeof(part->slot)));
}

static inline void part_open(struct __test_metadata *_metadata, struct part *part)
{
	ASSERT_EQ(0, owner_open_new(&part->owner, part->address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, owner_listen(&part->owner));
}

/* Returns how often the function was disabled; each reset through the platform disables it. */
static inline long part_disabled(const struct part *part)
{
	return platform_number("count disable fid=%lu", part->fid);
}

#endif
