// SPDX-License-Identifier: GPL-2.0-only
/*
 * The platform is busy when DMA translation is registered or deregistered. The kernel
 * then sleeps, so it must not hold a spinlock; only a message in the log would show
 * that. These tests are a program of their own, so that such a message is known to come
 * from them.
 */
#include "kselftest_harness.h"

#include "kmsg.h"
#include "rough.h"

FIXTURE(translation) {
	struct rough rough;
	int log;
};

FIXTURE_SETUP(translation)
{
	ROUGH_START();
	self->log = kmsg_open();
	ASSERT_LE(0, self->log);
}

FIXTURE_TEARDOWN(translation)
{
	EXPECT_EQ(-ETIMEDOUT, kmsg_wait(self->log, "scheduling while atomic", 0));
	close(self->log);
	ROUGH_END();
}

/* A reset registers DMA translation again. Validates R13. */
TEST_F_TIMEOUT(translation, registered_late, 60)
{
	struct owner *owner = &self->rough.owner;
	long before = platform_number("count modify op=4 fid=%lu", self->rough.fid);

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, platform_command("answer modify op=4 fid=%lu times=5 cc=2",
				      self->rough.fid));
	ASSERT_EQ(0, vfio_reset(&owner->fn));
	EXPECT_EQ(before + 6, platform_number("count modify op=4 fid=%lu", self->rough.fid));
	EXPECT_RESTORED();
}

/* A close deregisters DMA translation, and an open registers it. Validates R13. */
TEST_F_TIMEOUT(translation, changed_late, 60)
{
	struct owner *owner = &self->rough.owner;
	long before = platform_number("count modify op=4 fid=%lu", self->rough.fid);

	ASSERT_EQ(0, platform_command("answer modify op=4 fid=%lu times=5 cc=2",
				      self->rough.fid));
	ASSERT_EQ(0, platform_command("answer modify op=5 fid=%lu times=5 cc=2",
				      self->rough.fid));
	owner_close(owner);
	ASSERT_EQ(0, owner_open_at(owner, self->rough.address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, owner_listen(owner));
	EXPECT_LE(before + 6, platform_number("count modify op=4 fid=%lu", self->rough.fid));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

TEST_HARNESS_MAIN
