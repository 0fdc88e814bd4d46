// SPDX-License-Identifier: GPL-2.0-only
/*
 * System 1: adapter interrupts. A reset by the platform forgets their registration, so
 * the kernel must register them again after every reset, without being asked by user
 * space.
 */
#include "kselftest_harness.h"

#include "fixture.h"

FIXTURE(airq_restore) {
	struct owner owner;
};

FIXTURE_VARIANT(airq_restore) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(airq_restore, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(airq_restore, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(airq_restore)
{
	ASSERT_EQ(0, owner_open(&self->owner, variant->mode));
}

FIXTURE_TEARDOWN(airq_restore)
{
	owner_close(&self->owner);
}

/*
 * After error and reset the I/O queue's interrupt still signals the eventfd that was
 * set up before the error: nobody calls SET_IRQS. Validates 63.
 */
TEST_F(airq_restore, interrupts_survive_reset)
{
	struct owner *owner = &self->owner;

	ASSERT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, vfio_reset(&owner->fn));
	ASSERT_EQ(0, nvme_reinit(&owner->nvme));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/*
 * The kernel registers interrupts after every reset, not only after the first one, and
 * data still goes to and from the device. Validates 63, 65.
 */
TEST_F_TIMEOUT(airq_restore, interrupts_survive_every_reset, 120)
{
	struct owner *owner = &self->owner;
	__u8 block[BLOCK_SIZE], back[BLOCK_SIZE];
	int i;

	ASSERT_EQ(0, owner_listen(owner));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, owner_suffer(owner));
		ASSERT_EQ(0, owner_recover(owner)) {
			TH_LOG("recovery %d", i);
		}
		memset(block, 0x40 + i, sizeof(block));
		ASSERT_EQ(0, nvme_write(&owner->nvme, TEST_BLOCK + 1, block));
		ASSERT_EQ(0, nvme_read(&owner->nvme, TEST_BLOCK + 1, back));
		ASSERT_EQ(0, memcmp(block, back, sizeof(block)));
	}
	/* Writes the pattern back: other tests expect the pattern on the disk. */
	pattern_fill(block, TEST_BLOCK + 1);
	EXPECT_EQ(0, nvme_write(&owner->nvme, TEST_BLOCK + 1, block));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK + 1));
}

/* Interrupts also work after the reset of a healthy function. Validates 63, 66. */
TEST_F(airq_restore, interrupts_survive_healthy_reset)
{
	struct owner *owner = &self->owner;

	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/*
 * User space can set up the vectors again after the reset: the kernel has not
 * registered them twice. Validates 63.
 */
TEST_F(airq_restore, interrupts_can_be_set_up_anew)
{
	struct owner *owner = &self->owner;
	int events[2];

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, vfio_reset(&owner->fn));
	events[0] = owner->nvme.admin.event;
	events[1] = owner->nvme.io.event;
	ASSERT_EQ(0, vfio_irq_clear(&owner->fn, VFIO_PCI_MSIX_IRQ_INDEX));
	ASSERT_EQ(0, vfio_irq_set(&owner->fn, VFIO_PCI_MSIX_IRQ_INDEX, events, 2));
	ASSERT_EQ(0, nvme_reinit(&owner->nvme));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

TEST_HARNESS_MAIN
