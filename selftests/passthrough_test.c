// SPDX-License-Identifier: GPL-2.0-only
/*
 * System 2: the decision which side recovers. A function counts as passed through once
 * vfio has opened it, with or without KVM; these tests have no KVM.
 */
#include "kselftest_harness.h"

#include "fixture.h"
#include "raw_nvme.h"

/* The time after which a forbidden recovery by the host would have shown itself. */
#define HOST_WOULD_HAVE_MS	500

FIXTURE(passthrough) {
	struct owner owner;
};

FIXTURE_VARIANT(passthrough) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(passthrough, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(passthrough, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(passthrough)
{
	ASSERT_EQ(0, owner_open(&self->owner, variant->mode));
}

FIXTURE_TEARDOWN(passthrough)
{
	owner_close(&self->owner);
}

/*
 * The host leaves an event to an owner that listens: the function stays in error until
 * the owner resets it, and the event is in the queue. Validates 35, 26.
 */
TEST_F(passthrough, listening_owner_recovers)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	__u32 csts = 0;

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));

	sleep_ms(HOST_WOULD_HAVE_MS);
	EXPECT_FALSE(pci_answers(owner->fn.address));
	ASSERT_EQ(0, nvme_status(&owner->nvme, &csts));
	EXPECT_EQ(~0U, csts);

	EXPECT_EVENT(owner, &event, 1);
	EXPECT_FALSE(event.flags & (VFIO_ZPCI_ERR_HOST_RECOVERED | VFIO_ZPCI_ERR_UNATTENDED));
	EXPECT_NO_EVENT(owner);

	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_TRUE(pci_answers(owner->fn.address));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/* An owner that reads the region listens, even without the eventfd. Validates 23. */
TEST_F(passthrough, reading_the_region_is_listening)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;

	REQUIRE_REGION(owner);
	EXPECT_NO_EVENT(owner);
	ASSERT_EQ(0, nvme_provoke_error(&owner->nvme, owner->unmapped));
	sleep_ms(HOST_WOULD_HAVE_MS);
	EXPECT_FALSE(pci_answers(owner->fn.address));
	EXPECT_EVENT(owner, &event, 1);
	EXPECT_FALSE(event.flags & VFIO_ZPCI_ERR_HOST_RECOVERED);
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/* An owner that calls the feature listens. Validates 23. */
TEST_F(passthrough, asking_the_feature_is_listening)
{
	struct owner *owner = &self->owner;
	__u8 ccdf[CCDF_LEN];

	ASSERT_EQ(-ENOMSG, error_feature_take(&owner->fn, ccdf));
	ASSERT_EQ(0, nvme_provoke_error(&owner->nvme, owner->unmapped));
	sleep_ms(HOST_WOULD_HAVE_MS);
	EXPECT_FALSE(pci_answers(owner->fn.address));
	EXPECT_EQ(0, error_feature_take(&owner->fn, ccdf));
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/*
 * If the owner does not listen, the host recovers the function, and the queued event
 * says so. Validates 29.
 */
TEST_F(passthrough, host_recovers_for_a_silent_owner)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;

	ASSERT_EQ(0, nvme_provoke_error(&owner->nvme, owner->unmapped));
	sleep_ms(HOST_WOULD_HAVE_MS);
	ASSERT_EQ(0, pci_wait_answers(owner->fn.address, PATIENCE_MS));
	EXPECT_EVENT(owner, &event, 1);
	if (owner->region.size)
		EXPECT_TRUE(event.flags & VFIO_ZPCI_ERR_HOST_RECOVERED);
	EXPECT_FALSE(event.flags & VFIO_ZPCI_ERR_UNATTENDED);
}

/* An eventfd that is registered after an event is signalled at once. Validates 28. */
TEST_F(passthrough, late_listener_is_told_at_once)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;

	ASSERT_EQ(0, nvme_provoke_error(&owner->nvme, owner->unmapped));
	sleep_ms(HOST_WOULD_HAVE_MS);
	ASSERT_EQ(0, pci_wait_answers(owner->fn.address, PATIENCE_MS));
	ASSERT_EQ(0, owner_listen(owner));
	EXPECT_EQ(0, event_wait(owner->error_event, 0));
	EXPECT_EVENT(owner, &event, 1);
}

/*
 * The next owner finds no event of an earlier owner, and nothing signals the earlier
 * owner's eventfd. Validates 49, 50.
 */
TEST_F(passthrough, next_owner_starts_clean)
{
	struct owner *owner = &self->owner;
	__u8 ccdf[CCDF_LEN];

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	owner_close(owner);
	ASSERT_EQ(0, owner_open(owner, variant->mode));
	EXPECT_EQ(-ENOMSG, error_feature_take(&owner->fn, ccdf));
	EXPECT_NO_EVENT(owner);
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, 0));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

FIXTURE(unowned) {
	char address[PCI_ADDRESS_LEN];
};

FIXTURE_VARIANT(unowned) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(unowned, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(unowned, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(unowned)
{
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, self->address));
	ASSERT_EQ(0, pci_bind(self->address, "vfio-pci"));
}

FIXTURE_TEARDOWN(unowned)
{
	pci_write_attr(self->address, "power/control", "auto");
}

/*
 * The host recovers a function that is bound to vfio-pci but not open, and the next
 * owner finds no event of that time. Validates 37.
 */
TEST_F(unowned, host_recovers)
{
	struct vfio_function fn;
	struct owner owner;
	__u8 ccdf[CCDF_LEN];
	__u64 start;

	ASSERT_EQ(0, vfio_open(&fn, self->address, variant->mode));
	ASSERT_EQ(0, dma_start(&fn, &start));
	vfio_close(&fn);

	ASSERT_EQ(0, raw_nvme_provoke_error(self->address, start + DMA_UNMAPPED_AT));
	sleep_ms(HOST_WOULD_HAVE_MS);
	EXPECT_EQ(0, pci_wait_answers(self->address, PATIENCE_MS));

	ASSERT_EQ(0, owner_open(&owner, variant->mode));
	EXPECT_EQ(-ENOMSG, error_feature_take(&owner.fn, ccdf));
	EXPECT_EQ(0, nvme_verify(&owner.nvme, TEST_BLOCK));
	owner_close(&owner);
}

TEST_HARNESS_MAIN
