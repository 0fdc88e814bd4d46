/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_ROUGH_H
#define ZPCI_SELFTEST_ROUGH_H

/*
 * Code that the tests with the plugin share: an owner that listens, on a platform with
 * the architecture's error states and handles, which refuses nothing unless a test asks
 * for it. To be included after kselftest_harness.h.
 */
#include <unistd.h>

#include "config.h"
#include "fixture.h"
#include "platform.h"

struct rough {
	struct owner owner;
	char address[PCI_ADDRESS_LEN];
	/* The function ID, by which the plugin knows the function. */
	unsigned long fid;
	struct config before;
};

/* Skips the test if there is no plugin. */
static inline void rough_platform(struct __test_metadata *_metadata)
{
	if (!platform_there())
		SKIP(_exit(KSFT_SKIP), "no plugin plays the firmware");
	ASSERT_EQ(0, platform_command("profile plain"));
	ASSERT_EQ(0, platform_command("handles on"));
	ASSERT_EQ(0, platform_command("states on"));
}

static inline void rough_start(struct __test_metadata *_metadata, struct rough *rough)
{
	struct owner *owner = &rough->owner;

	owner->error_event = -1;
	rough_platform(_metadata);
	ASSERT_EQ(0, owner_open(owner, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, owner_listen(owner));
	memcpy(rough->address, owner->fn.address, sizeof(rough->address));
	ASSERT_EQ(0, pci_read_attr(rough->address, "function_id", &rough->fid));
	ASSERT_EQ(0, config_save(&owner->fn, &rough->before));
}

static inline void rough_end(struct __test_metadata *_metadata, struct rough *rough)
{
	struct owner *owner = &rough->owner;
	char slot[16];

	platform_command("profile plain");
	/*
	 * An earlier test that failed may have left the function in error: switches its
	 * slot off and on.
	 */
	if (_metadata->exit_code != KSFT_PASS &&
	    !pci_slot(rough->address, slot, sizeof(slot))) {
		owner_close(owner);
		pci_slot_power(slot, false);
		pci_slot_power(slot, true);
		pci_wait_present(rough->address, true, PATIENCE_MS);
	} else {
		owner_close(owner);
	}
	platform_command("reset");
}

/* Checks that the function works, and that its config space is as at the start. */
static inline void expect_restored(struct __test_metadata *_metadata, struct rough *rough)
{
	struct owner *owner = &rough->owner;
	struct config after;

	ASSERT_EQ(0, config_save(&owner->fn, &after));
	EXPECT_EQ(0, config_differences(&rough->before, &after));
	EXPECT_EQ(0, nvme_reinit(&owner->nvme));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/* Makes the platform raise an event, and waits until the owner is woken. */
static inline int platform_raises(struct rough *rough, __u16 pec)
{
	struct owner *owner = &rough->owner;
	int ret;

	event_clear(owner->error_event);
	ret = platform_command("event pec=0x%x fid=%lu faddr=0x%llx", pec, rough->fid,
			       owner->unmapped);
	return ret ? ret : event_wait(owner->error_event, PATIENCE_MS);
}

/* Opens another function; its owner listens as well. */
static inline void rough_open_other(struct __test_metadata *_metadata, struct rough *rough,
				    struct owner *other, unsigned long *fid)
{
	char address[PCI_ADDRESS_LEN];

	ASSERT_EQ(0, pci_find_other(PCI_KIND_NVME, rough->address, address));
	ASSERT_EQ(0, pci_bind(address, "vfio-pci"));
	ASSERT_EQ(0, owner_open_at(other, address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, owner_listen(other));
	ASSERT_EQ(0, pci_read_attr(address, "function_id", fid));
}

/* Checks that the next owner can open the function, and recover it from an error. */
static inline void expect_next_owner(struct __test_metadata *_metadata, struct rough *rough)
{
	struct owner *owner = &rough->owner;

	ASSERT_EQ(0, owner_open_new(owner, rough->address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, owner_listen(owner));
	EXPECT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

#define ROUGH_START()		rough_start(_metadata, &self->rough)
#define ROUGH_END()		rough_end(_metadata, &self->rough)
#define EXPECT_RESTORED()	expect_restored(_metadata, &self->rough)
#define EXPECT_NEXT_OWNER()	expect_next_owner(_metadata, &self->rough)

#endif
