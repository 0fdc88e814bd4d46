// SPDX-License-Identifier: GPL-2.0-only
/*
 * System 6: functions without PCI Express, such as ISM. A virtio function stands for
 * them here: on the zPCI bus it is a conventional PCI function.
 */
#include "kselftest_harness.h"

#include "fixture.h"
#include "virtio.h"

FIXTURE(non_pcie) {
	struct vfio_function fn;
	struct vfio_region_info region;
	int event;
	__u64 unmapped;
};

FIXTURE_VARIANT(non_pcie) {
	const char *driver;
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(non_pcie, group_type1) {
	.driver = "vfio-pci",
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(non_pcie, cdev_iommufd) {
	.driver = "vfio-pci",
	.mode = VFIO_CDEV_IOMMUFD,
};

/*
 * ism-vfio-pci, the driver of real ISM functions, gives its regions other numbers than
 * vfio-pci.
 */
FIXTURE_VARIANT_ADD(non_pcie, ism_group_type1) {
	.driver = "ism_vfio_pci",
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(non_pcie, ism_cdev_iommufd) {
	.driver = "ism_vfio_pci",
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(non_pcie)
{
	char address[PCI_ADDRESS_LEN];
	__u64 start;

	if (pci_find(PCI_KIND_NON_PCIE, address))
		SKIP(return, "there is no function without PCI Express");
	ASSERT_EQ(0, pci_bind(address, variant->driver));
	ASSERT_EQ(0, vfio_open(&self->fn, address, variant->mode));
	ASSERT_EQ(0, dma_start(&self->fn, &start));
	self->unmapped = start + DMA_UNMAPPED_AT;
	self->event = event_new();
	ASSERT_LE(0, self->event);
}

FIXTURE_TEARDOWN(non_pcie)
{
	vfio_close(&self->fn);
	close(self->event);
}

/* Errors need a virtio function whose DMA goes through the IOMMU. */
#define CANNOT_FAIL	"no virtio function with DMA through the IOMMU (iommu_platform=on)"

/* The function has one error interrupt, with one vector. Validates 82. */
TEST_F(non_pcie, has_an_error_interrupt)
{
	EXPECT_EQ(1, vfio_irq_count(&self->fn, VFIO_PCI_ERR_IRQ_INDEX));
}

/* An eventfd can be registered, replaced and taken back. Validates 82, 32. */
TEST_F(non_pcie, eventfd_can_be_registered)
{
	int other = event_new();

	ASSERT_LE(0, other);
	EXPECT_EQ(0, error_listen(&self->fn, self->event));
	EXPECT_EQ(0, error_listen(&self->fn, other));
	EXPECT_EQ(0, error_listen(&self->fn, -1));
	EXPECT_EQ(0, error_listen(&self->fn, self->event));
	EXPECT_EQ(-ETIMEDOUT, event_wait(self->event, 0));
	close(other);
}

/* A real error wakes the owner. Validates 82. */
TEST_F(non_pcie, error_is_signalled)
{
	__u8 raw[CCDF_LEN];
	struct ccdf ccdf;
	int ret;

	ASSERT_EQ(0, error_listen(&self->fn, self->event));
	ret = virtio_provoke_error(&self->fn, self->unmapped);
	if (ret == -EOPNOTSUPP)
		SKIP(return, CANNOT_FAIL);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, event_wait(self->event, PATIENCE_MS));
	ASSERT_EQ(0, error_feature_take(&self->fn, raw));
	ccdf_decode(raw, &ccdf);
	EXPECT_EQ(PEC_DMA_ACCESS, ccdf.pec);
	EXPECT_EQ(0, vfio_reset(&self->fn));
	EXPECT_TRUE(pci_answers(self->fn.address));
}

/* The region returns the event, with either driver. Validates 82. */
TEST_F(non_pcie, error_is_in_the_region)
{
	struct vfio_device_zpci_err_region event;
	struct ccdf ccdf;
	int ret;

	ASSERT_EQ(0, error_region_find(&self->fn, &self->region));
	ASSERT_EQ(0, error_listen(&self->fn, self->event));
	ret = virtio_provoke_error(&self->fn, self->unmapped);
	if (ret == -EOPNOTSUPP)
		SKIP(return, CANNOT_FAIL);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, event_wait(self->event, PATIENCE_MS));
	ASSERT_EQ(0, error_region_take(&self->fn, &self->region, &event));
	EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT, event.flags);
	EXPECT_EQ(PEC_DMA_ACCESS, event.pec);
	EXPECT_EQ(1, event.sequence);
	ccdf_decode(event.ccdf, &ccdf);
	EXPECT_EQ(self->unmapped, ccdf.faddr & ~0xfffffULL);
	EXPECT_EQ(0, vfio_reset(&self->fn));
}

/* After a reset the function works, and reports the next error. Validates 56, 82. */
TEST_F(non_pcie, recovers)
{
	int i, ret;

	ASSERT_EQ(0, error_listen(&self->fn, self->event));
	for (i = 0; i < 3; i++) {
		ret = virtio_provoke_error(&self->fn, self->unmapped);
		if (ret == -EOPNOTSUPP)
			SKIP(return, CANNOT_FAIL);
		ASSERT_EQ(0, ret);
		ASSERT_EQ(0, event_wait(self->event, PATIENCE_MS));
		ASSERT_EQ(0, vfio_reset(&self->fn));
	}
}

TEST_HARNESS_MAIN
