// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channel reports: several events in one report, reports that are lost, and the event
 * that says that other events were lost.
 */
#include "kselftest_harness.h"

#include "rough.h"

#define QUIET_MS	300

FIXTURE(report) {
	struct rough rough;
	struct owner other;
	unsigned long other_fid;
};

FIXTURE_SETUP(report)
{
	ROUGH_START();
	rough_open_other(_metadata, &self->rough, &self->other, &self->other_fid);
}

FIXTURE_TEARDOWN(report)
{
	owner_close(&self->other);
	ROUGH_END();
}

/* The owner is woken, and takes an event with this code. */
static void expect_told(struct __test_metadata *_metadata, struct owner *owner, __u16 pec)
{
	struct vfio_device_zpci_err_region event;

	EXPECT_EQ(0, event_wait(owner->error_event, PATIENCE_MS)) {
		TH_LOG("nobody is told of event 0x%x", pec);
	}
	ASSERT_EQ(0, owner_take(owner, &event)) {
		TH_LOG("event 0x%x is missing", pec);
	}
	EXPECT_EQ(pec, event.pec);
}

#define EXPECT_TOLD(owner, pec)	expect_told(_metadata, owner, pec)

static void expect_works(struct __test_metadata *_metadata, struct owner *owner)
{
	EXPECT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

#define EXPECT_WORKS(owner)	expect_works(_metadata, owner)

/* One report brings events of two functions: each owner gets its own. Validates R15. */
TEST_F_TIMEOUT(report, several_events_in_one, 60)
{
	struct owner *owner = &self->rough.owner;
	struct vfio_device_zpci_err_region event;
	long before = platform_number("count event");

	ASSERT_EQ(0, platform_command("event pec=5 fid=%lu hold", self->rough.fid));
	ASSERT_EQ(0, platform_command("event pec=6 fid=%lu hold", self->other_fid));
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, QUIET_MS));
	EXPECT_EQ(before, platform_number("count event"));
	ASSERT_EQ(0, platform_command("event pec=7 fid=%lu", self->rough.fid));
	EXPECT_TOLD(owner, 5);
	EXPECT_TOLD(&self->other, 6);
	/*
	 * There may be no second wake-up: the second event may come before the first
	 * one is taken.
	 */
	event_wait(owner->error_event, QUIET_MS);
	ASSERT_EQ(0, owner_take(owner, &event));
	EXPECT_EQ(7, event.pec);
	EXPECT_NO_EVENT(owner);
	EXPECT_NO_EVENT(&self->other);
	EXPECT_WORKS(owner);
	EXPECT_WORKS(&self->other);
}

/*
 * The report of an event is lost, and the next report says so: the kernel then asks for
 * all events. Validates R16.
 */
TEST_F_TIMEOUT(report, lost, 60)
{
	struct owner *owner = &self->rough.owner;
	struct vfio_device_zpci_err_region event;
	long before = platform_number("count event");

	ASSERT_EQ(0, platform_command("lose-report"));
	ASSERT_EQ(0, platform_command("event pec=5 fid=%lu", self->rough.fid));
	EXPECT_TOLD(owner, 5);
	EXPECT_LT(before, platform_number("count event"));
	EXPECT_WORKS(owner);
	/* The emulator raises this event itself, with a report of its own. */
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, owner_take(owner, &event));
	EXPECT_EQ(PEC_DMA_ACCESS, event.pec);
	EXPECT_WORKS(owner);
}

/*
 * The emulator's own reports are lost, one after the other: each event still comes.
 * Validates R16.
 */
TEST_F_TIMEOUT(report, lost_again_and_again, 60)
{
	struct owner *owner = &self->rough.owner;
	struct vfio_device_zpci_err_region event;
	int i;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, platform_command("lose-report"));
		ASSERT_EQ(0, owner_suffer(owner)) {
			TH_LOG("report %d", i);
		}
		ASSERT_EQ(0, owner_take(owner, &event));
		EXPECT_EQ(PEC_DMA_ACCESS, event.pec);
		EXPECT_WORKS(owner);
	}
}

/* The report of several events is lost: all of them still come. Validates R15, R16. */
TEST_F_TIMEOUT(report, lost_with_several_events, 60)
{
	struct owner *owner = &self->rough.owner;

	ASSERT_EQ(0, platform_command("lose-report"));
	ASSERT_EQ(0, platform_command("event pec=5 fid=%lu hold", self->rough.fid));
	ASSERT_EQ(0, platform_command("event pec=6 fid=%lu", self->other_fid));
	EXPECT_TOLD(owner, 5);
	EXPECT_TOLD(&self->other, 6);
	EXPECT_WORKS(owner);
	EXPECT_WORKS(&self->other);
}

/*
 * The report of a function that is taken away is lost: the function still goes.
 * Validates R16, R18.
 */
TEST_F_TIMEOUT(report, lost_when_a_function_goes, 60)
{
	char address[PCI_ADDRESS_LEN];

	memcpy(address, self->other.fn.address, sizeof(address));
	owner_close(&self->other);
	ASSERT_EQ(0, platform_command("lose-report times=2"));
	ASSERT_EQ(0, platform_command("event pec=0x%x fid=%lu", PEC_DECONFIGURED,
				      self->other_fid));
	EXPECT_EQ(0, pci_wait_present(address, false, PATIENCE_MS));
	ASSERT_EQ(0, platform_command("event pec=0x%x fid=%lu", PEC_CONFIGURED,
				      self->other_fid));
	EXPECT_EQ(0, pci_wait_present(address, true, PATIENCE_MS));
	EXPECT_EQ(0, nvme_verify(&self->rough.owner.nvme, TEST_BLOCK));
}

/*
 * Events of functions that come and go are lost, and an event that names no function
 * says so: the kernel looks at all functions. An owner of another function does not
 * notice. Validates R17.
 */
TEST_F_TIMEOUT(report, several_functions, 90)
{
	struct owner *owner = &self->rough.owner;
	char address[PCI_ADDRESS_LEN], slot[16];

	memcpy(address, self->other.fn.address, sizeof(address));
	ASSERT_EQ(0, pci_slot(address, slot, sizeof(slot)));
	owner_close(&self->other);
	ASSERT_EQ(0, pci_slot_power(slot, false));
	ASSERT_EQ(0, platform_command("availability fid=%lu reserved", self->other_fid));
	EXPECT_EQ(-ETIMEDOUT, pci_wait_slot(slot, false, QUIET_MS));
	ASSERT_EQ(0, platform_command("event pec=0x%x", PEC_SEVERAL));
	ASSERT_EQ(0, pci_wait_slot(slot, false, PATIENCE_MS));

	ASSERT_EQ(0, platform_command("availability fid=%lu standby", self->other_fid));
	ASSERT_EQ(0, platform_command("event pec=0x%x", PEC_SEVERAL));
	ASSERT_EQ(0, pci_wait_slot(slot, true, PATIENCE_MS));
	EXPECT_EQ(0, pci_wait_present(address, false, 0));
	ASSERT_EQ(0, pci_slot_power(slot, true));
	ASSERT_EQ(0, pci_wait_present(address, true, PATIENCE_MS));

	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, 0));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	ASSERT_EQ(0, owner_open_new(&self->other, address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, owner_listen(&self->other));
	EXPECT_EQ(0, owner_suffer(&self->other));
	EXPECT_WORKS(&self->other);
}

TEST_HARNESS_MAIN
