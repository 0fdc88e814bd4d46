// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two functions of one device, and a virtual function whose physical one belongs to
 * another system. The plugin presents functions like this to the kernel. One function
 * recovers without the other.
 */
#include <pthread.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"

#include "part.h"

#define QUIET_MS	300

/* The physical channel ID of both functions: the kernel sees by it that one device has them. */
#define PCHID		0x177

/*
 * Makes the functions single ones again. All have to go first, because one may use the
 * domain of another.
 */
static void restore(struct __test_metadata *_metadata, struct part *parts, int count)
{
	int i;

	/*
	 * After a failed ASSERT of the test, each ASSERT of the teardown would end it, even one
	 * that holds, unless an EXPECT comes first.
	 */
	EXPECT_EQ(0, platform_command("forget"));
	for (i = 0; i < count; i++) {
		owner_close(&parts[i].owner);
		part_give_away(_metadata, &parts[i]);
		ASSERT_EQ(0, platform_command("identity fid=%lu", parts[i].fid));
	}
	for (i = 0; i < count; i++)
		part_get_back(_metadata, &parts[i], parts[i].before);
	platform_command("reset");
}

FIXTURE(device) {
	struct part part[2];
};

FIXTURE_SETUP(device)
{
	char address[PCI_ADDRESS_LEN];
	struct part *part = self->part;
	int i;

	part[0].owner.error_event = -1;
	part[1].owner.error_event = -1;
	rough_platform(_metadata);
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, address));
	part_find(_metadata, &part[0], address);
	ASSERT_EQ(0, pci_find_other(PCI_KIND_NVME, part[0].before, address));
	part_find(_metadata, &part[1], address);
	part_give_away(_metadata, &part[0]);
	part_give_away(_metadata, &part[1]);
	for (i = 0; i < 2; i++) {
		/* Both functions are in the domain of the first function. */
		snprintf(part[i].address, sizeof(part[i].address), "%.10s.%d", part[0].before, i);
		ASSERT_EQ(0, platform_command("identity fid=%lu pchid=%d rid=%d", part[i].fid,
					      PCHID, i));
		part_get_back(_metadata, &part[i], part[i].address);
		part_open(_metadata, &part[i]);
	}
}

FIXTURE_TEARDOWN(device)
{
	restore(_metadata, self->part, ARRAY_SIZE(self->part));
}

/* One function fails and is recovered; the other one is not disturbed. Validates R23. */
TEST_F_TIMEOUT(device, error_in_one, 90)
{
	struct vfio_device_zpci_err_region event;
	struct owner *ill, *well;
	long before;
	int i;

	for (i = 0; i < 4; i++) {
		ill = &self->part[i % 2].owner;
		well = &self->part[1 - i % 2].owner;
		before = part_disabled(&self->part[1 - i % 2]);
		ASSERT_EQ(0, owner_suffer(ill));
		ASSERT_EQ(0, owner_take(ill, &event));
		EXPECT_EQ(PEC_DMA_ACCESS, event.pec);
		EXPECT_EQ(0, nvme_verify(&well->nvme, TEST_BLOCK));
		ASSERT_EQ(0, owner_recover(ill));
		EXPECT_EQ(0, nvme_verify(&ill->nvme, TEST_BLOCK));
		/*
		 * The controller of the other function was not reset: it works without
		 * being set up again.
		 */
		EXPECT_EQ(0, nvme_verify(&well->nvme, TEST_BLOCK));
		EXPECT_EQ(-ETIMEDOUT, event_wait(well->error_event, 0));
		EXPECT_EQ(before, part_disabled(&self->part[1 - i % 2]));
	}
}

static void *recover_in_thread(void *owner)
{
	return (void *)(long)owner_recover(owner);
}

/* Both functions are in error at once: both are recovered, at the same time. Validates R23. */
TEST_F_TIMEOUT(device, error_in_both, 90)
{
	struct part *part = self->part;
	pthread_t thread;
	void *ret;
	int i;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, platform_command("event pec=5 fid=%lu hold", part[0].fid));
		ASSERT_EQ(0, platform_command("event pec=5 fid=%lu", part[1].fid));
		ASSERT_EQ(0, event_wait(part[0].owner.error_event, PATIENCE_MS));
		ASSERT_EQ(0, event_wait(part[1].owner.error_event, PATIENCE_MS));
		ASSERT_EQ(0, pthread_create(&thread, NULL, recover_in_thread, &part[0].owner));
		EXPECT_EQ(0, owner_recover(&part[1].owner));
		ASSERT_EQ(0, pthread_join(thread, &ret));
		EXPECT_EQ(0, (long)ret);
		EXPECT_EQ(0, nvme_verify(&part[0].owner.nvme, TEST_BLOCK));
		EXPECT_EQ(0, nvme_verify(&part[1].owner.nvme, TEST_BLOCK));
	}
}

/* A hot reset of one function resets no other, and neither does its slot. Validates R23. */
TEST_F_TIMEOUT(device, hot_reset_of_one, 90)
{
	struct owner *well = &self->part[1].owner;
	struct vfio_pci_hot_reset_info info = { .argsz = sizeof(info) };
	struct vfio_pci_hot_reset reset = { .argsz = sizeof(reset) };
	long before = part_disabled(&self->part[1]);

	/*
	 * Even if the caller's buffer is too short for the list, the kernel returns its
	 * length.
	 */
	EXPECT_NE(0, ioctl(self->part[0].owner.fn.device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
			   &info));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(1, info.count);
	EXPECT_EQ(0, ioctl(self->part[0].owner.fn.device, VFIO_DEVICE_PCI_HOT_RESET, &reset));
	EXPECT_EQ(before, part_disabled(&self->part[1]));
	EXPECT_EQ(0, nvme_verify(&well->nvme, TEST_BLOCK));
	EXPECT_EQ(0, nvme_reinit(&self->part[0].owner.nvme));
	EXPECT_EQ(0, nvme_verify(&self->part[0].owner.nvme, TEST_BLOCK));
}

/* Each of the two functions goes and comes again while the other one is in use. Validates R23. */
TEST_F_TIMEOUT(device, one_goes, 120)
{
	struct part *part = self->part;
	int i;

	for (i = 0; i < 2; i++) {
		owner_close(&part[i].owner);
		part_give_away(_metadata, &part[i]);
		EXPECT_EQ(0, pci_wait_present(part[i].address, false, 0));
		EXPECT_EQ(0, owner_suffer(&part[1 - i].owner));
		EXPECT_EQ(0, owner_recover(&part[1 - i].owner));
		EXPECT_EQ(0, nvme_verify(&part[1 - i].owner.nvme, TEST_BLOCK));
		part_get_back(_metadata, &part[i], part[i].address);
		part_open(_metadata, &part[i]);
		EXPECT_EQ(0, owner_suffer(&part[i].owner));
		EXPECT_EQ(0, owner_recover(&part[i].owner));
		EXPECT_EQ(0, nvme_verify(&part[1 - i].owner.nvme, TEST_BLOCK));
	}
}

/* A virtual function whose physical one this system does not have. */
FIXTURE(virtual) {
	struct part part;
};

FIXTURE_SETUP(virtual)
{
	char address[PCI_ADDRESS_LEN];
	struct part *part = &self->part;

	part->owner.error_event = -1;
	rough_platform(_metadata);
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, address));
	part_find(_metadata, part, address);
	memcpy(part->address, address, sizeof(address));
	part_give_away(_metadata, part);
	ASSERT_EQ(0, platform_command("identity fid=%lu pchid=%d rid=9 vfn=3", part->fid, PCHID));
	part_get_back(_metadata, part, address);
	part_open(_metadata, part);
}

FIXTURE_TEARDOWN(virtual)
{
	restore(_metadata, &self->part, 1);
}

/*
 * A virtual function without its physical one is recovered like any other function.
 * Validates R24.
 */
TEST_F_TIMEOUT(virtual, recovers, 60)
{
	struct owner *owner = &self->part.owner;
	struct config before, after;
	unsigned long vfn = 0;
	int i;

	EXPECT_EQ(0, pci_read_attr(self->part.address, "vfn", &vfn));
	EXPECT_EQ(3, vfn);
	ASSERT_EQ(0, config_save(&owner->fn, &before));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, owner_suffer(owner));
		ASSERT_EQ(0, vfio_reset(&owner->fn));
		ASSERT_EQ(0, config_save(&owner->fn, &after));
		EXPECT_EQ(0, config_differences(&before, &after));
		EXPECT_EQ(0, nvme_reinit(&owner->nvme));
		EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	}
}

TEST_HARNESS_MAIN
