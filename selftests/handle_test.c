// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handle of a function changes with each enable and disable, and an event with an
 * old handle is ignored.
 */
#include "kselftest_harness.h"

#include "module.h"
#include "rough.h"

#define TIMES		10
#define QUIET_MS	300
#define ENABLED		0x80000000UL

FIXTURE(handle) {
	struct rough rough;
};

FIXTURE_SETUP(handle)
{
	ROUGH_START();
}

FIXTURE_TEARDOWN(handle)
{
	ROUGH_END();
}

/* Returns the kernel's handle of the function, and checks that the platform has the same. */
static unsigned long now_of(struct __test_metadata *_metadata, struct rough *rough)
{
	unsigned long now = 0;

	EXPECT_EQ(0, pci_read_attr(rough->address, "function_handle", &now));
	EXPECT_EQ(platform_number("handle fid=%lu", rough->fid), now);
	return now;
}

/* Each reset changes the handle, and the function works with the new one. Validates R1. */
TEST_F_TIMEOUT(handle, follows_each_reset, 60)
{
	struct owner *owner = &self->rough.owner;
	struct vfio_device_zpci_err_region event;
	unsigned long before, now;
	struct ccdf ccdf;
	int i;

	before = now_of(_metadata, &self->rough);
	for (i = 1; i <= TIMES; i++) {
		ASSERT_EQ(0, owner_suffer(owner));
		EXPECT_EVENT(owner, &event, i);
		ccdf_decode(event.ccdf, &ccdf);
		EXPECT_EQ(before, ccdf.fh);
		ASSERT_EQ(0, vfio_reset(&owner->fn));
		now = now_of(_metadata, &self->rough);
		EXPECT_NE(before, now);
		EXPECT_TRUE(now & ENABLED);
		before = now;
		EXPECT_RESTORED();
	}
}

/*
 * An event with the handle from before the last reset changes nothing, and wakes
 * nobody. Validates R1.
 */
TEST_F(handle, of_a_life_before)
{
	struct owner *owner = &self->rough.owner;
	struct vfio_device_zpci_err_region event;
	unsigned long before = now_of(_metadata, &self->rough);

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EVENT(owner, &event, 1);
	event_clear(owner->error_event);
	ASSERT_EQ(0, platform_command("event pec=0x3a fid=%lu fh=%lu state=none",
				      self->rough.fid, before));
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, QUIET_MS));
	EXPECT_NO_EVENT(owner);
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/* The kernel's own NVMe driver works with the new handle after a recovery. Validates R1. */
TEST_F_TIMEOUT(handle, with_the_kernels_driver, 60)
{
	struct owner *owner = &self->rough.owner;
	__u64 deadline = deadline_in(PATIENCE_MS);
	unsigned long before;
	char path[64];

	if (module_load("nvme"))
		SKIP(return, "the kernel has no driver for NVMe");
	owner_close(owner);
	before = now_of(_metadata, &self->rough);
	ASSERT_EQ(0, pci_bind(owner->fn.address, "nvme"));
	ASSERT_EQ(0, pci_wait_disk(owner->fn.address, path, sizeof(path), PATIENCE_MS));
	/* Makes the platform refuse to unblock the function, so that the host has to reset it. */
	ASSERT_EQ(0, platform_command("answer modify op=9 cc=1 status=40"));
	ASSERT_EQ(0, platform_command("event pec=5 fid=%lu", self->rough.fid));
	while (platform_number("handle fid=%lu", self->rough.fid) == (long)before &&
	       wait_on(deadline))
		;
	EXPECT_NE(before, platform_number("handle fid=%lu", self->rough.fid));
	EXPECT_EQ(0, pci_wait_disk(owner->fn.address, path, sizeof(path), PATIENCE_MS));
	EXPECT_EQ(0, disk_verify(path, TEST_BLOCK));
	EXPECT_EQ(0, pci_bind(owner->fn.address, "vfio-pci"));
}

TEST_HARNESS_MAIN
