// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of a function right after its reset: as after power-on, silent, in error
 * again at once, or in error for ever.
 */
#include "kselftest_harness.h"

#include "rough.h"

/* The PCI core waits this long for a device after an FLR. */
#define FLR_NS		100000000

#define ROUNDS	6

FIXTURE(life) {
	struct rough rough;
};

FIXTURE_SETUP(life)
{
	ROUGH_START();
}

FIXTURE_TEARDOWN(life)
{
	ROUGH_END();
}

/* How often the platform has reset the inside of the device. */
static long inside_resets(struct rough *rough)
{
	return platform_number("count inside fid=%lu", rough->fid);
}

/*
 * The platform resets the inside of the device as well, so config space has its
 * power-on values and the kernel restores it. The kernel does no FLR: the test would
 * notice its wait. Validates R10.
 */
TEST_F_TIMEOUT(life, as_after_power_on, 60)
{
	struct owner *owner = &self->rough.owner;
	long before = inside_resets(&self->rough);
	__u64 start, best = ~0ULL;
	int i;

	ASSERT_EQ(0, platform_command("inside on"));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, owner_suffer(owner));
		start = now_ns();
		ASSERT_EQ(0, vfio_reset(&owner->fn));
		start = now_ns() - start;
		if (start < best)
			best = start;
		EXPECT_RESTORED();
	}
	EXPECT_GT(FLR_NS, best);
	EXPECT_EQ(before + ROUNDS, inside_resets(&self->rough));
}

/*
 * The function is silent after the reset: loads return all ones. The reset fails, the
 * kernel does not save the ones, and the next reset makes the function work. Validates
 * R11.
 */
TEST_F_TIMEOUT(life, silent_once, 90)
{
	struct owner *owner = &self->rough.owner;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, platform_command("after-enable fid=%lu silent", self->rough.fid));
	EXPECT_NE(0, vfio_reset(&owner->fn));
	EXPECT_EQ(0, vfio_reset(&owner->fn));
	EXPECT_RESTORED();
}

/*
 * The function is in error again right after a reset that succeeded: the owner is woken
 * for each error. Validates R12.
 */
TEST_F_TIMEOUT(life, in_error_again, 90)
{
	struct owner *owner = &self->rough.owner;
	struct vfio_device_zpci_err_region event;
	int i;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, owner_take(owner, &event));
	ASSERT_EQ(0, platform_command("after-enable fid=%lu times=%d none pec=5",
				      self->rough.fid, ROUNDS));
	for (i = 0; i < ROUNDS; i++) {
		event_clear(owner->error_event);
		ASSERT_EQ(0, vfio_reset(&owner->fn));
		EXPECT_EQ(0, event_wait(owner->error_event, PATIENCE_MS));
		ASSERT_EQ(0, owner_take(owner, &event)) {
			TH_LOG("no event after reset %d", i);
		}
		EXPECT_EQ(5, event.pec);
	}
	EXPECT_EQ(0, vfio_reset(&owner->fn));
	EXPECT_RESTORED();
}

/*
 * The function is in error again before the reset ends: the reset fails. Once the fault
 * is gone, a reset makes the function work. Validates R12.
 */
TEST_F_TIMEOUT(life, in_error_before_the_end, 90)
{
	struct owner *owner = &self->rough.owner;
	int i;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, platform_command("after-enable fid=%lu times=%d blocked pec=5",
				      self->rough.fid, ROUNDS));
	for (i = 0; i < ROUNDS; i++)
		EXPECT_EQ(-EIO, vfio_reset(&owner->fn));
	EXPECT_EQ(0, vfio_reset(&owner->fn));
	EXPECT_RESTORED();
}

/*
 * The function is in error after each reset: its owner gives up and closes it. Once the
 * fault is gone, the next owner can open the function. Validates R12.
 */
TEST_F_TIMEOUT(life, in_error_for_ever, 90)
{
	struct owner *owner = &self->rough.owner;
	int i;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, platform_command("after-enable fid=%lu always blocked pec=5",
				      self->rough.fid));
	for (i = 0; i < ROUNDS; i++)
		EXPECT_EQ(-EIO, vfio_reset(&owner->fn));
	owner_close(owner);
	ASSERT_EQ(0, platform_command("forget"));
	ASSERT_EQ(0, owner_open_new(owner, self->rough.address, VFIO_GROUP_TYPE1));
	ASSERT_EQ(0, owner_listen(owner));
	EXPECT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/* A permanent failure comes in the middle of the reset. Validates R7. */
TEST_F_TIMEOUT(life, failed_with_the_reset, 90)
{
	struct owner *owner = &self->rough.owner;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, platform_command("after-enable fid=%lu permanent pec=0x3b",
				      self->rough.fid));
	EXPECT_EQ(-EIO, vfio_reset(&owner->fn));
	EXPECT_EQ(-EIO, vfio_reset(&owner->fn));
	ASSERT_EQ(0, platform_command("repair fid=%lu", self->rough.fid));
	EXPECT_EQ(0, vfio_reset(&owner->fn));
	EXPECT_RESTORED();
}

TEST_HARNESS_MAIN
