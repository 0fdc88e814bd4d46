// SPDX-License-Identifier: GPL-2.0-only
/*
 * System 5: the reset. It succeeds at once, reaches the inside of the device, and
 * restores everything.
 */
#include <linux/pci_regs.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"

#include "config.h"
#include "fixture.h"
#include "platform.h"

#define TIMES		20

FIXTURE(reset) {
	struct owner owner;
};

FIXTURE_VARIANT(reset) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(reset, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(reset, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(reset)
{
	ASSERT_EQ(0, owner_open(&self->owner, variant->mode));
}

FIXTURE_TEARDOWN(reset)
{
	owner_close(&self->owner);
}

/*
 * A reset right after the eventfd's signal succeeds, every time, even if other parts of
 * the kernel still report the event. Validates 31, 56.
 */
TEST_F_TIMEOUT(reset, at_once_every_time, 240)
{
	struct owner *owner = &self->owner;
	int i, good = 0;

	ASSERT_EQ(0, owner_listen(owner));
	for (i = 0; i < TIMES; i++) {
		ASSERT_EQ(0, owner_suffer(owner));
		if (!vfio_reset_once(&owner->fn))
			good++;
		/* The C version may need several resets, and does not restore Command. */
		if (owner->fn.by_feature)
			ASSERT_EQ(0, vfio_reset(&owner->fn));
		ASSERT_EQ(0, nvme_reinit(&owner->nvme)) {
			TH_LOG("after reset %d", i);
		}
	}
	EXPECT_EQ(TIMES, good);
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/* The reset reaches the inside of the device: the controller reports no error. */
TEST_F(reset, leaves_no_error_inside)
{
	struct owner *owner = &self->owner;
	__u32 csts;

	/*
	 * With "inside" the plugin would reset only config space, and nothing would
	 * reset the device.
	 */
	if (platform_there())
		ASSERT_EQ(0, platform_command("inside off"));
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, vfio_reset(&owner->fn));
	platform_command("reset");
	ASSERT_EQ(0, nvme_status(&owner->nvme, &csts));
	EXPECT_NE(~0U, csts);
	EXPECT_FALSE(csts & NVME_CSTS_CFS);
	EXPECT_FALSE(csts & NVME_CSTS_RDY);
}

/*
 * After the reset each byte of config space is as before the error, with BARs, Command
 * and MSI-X. No byte is 0xff from a save while the function read as all ones. Validates
 * 58, 59, 61, 62.
 */
TEST_F(reset, brings_config_space_back)
{
	struct owner *owner = &self->owner;
	struct config *before = malloc(sizeof(*before));
	struct config *after = malloc(sizeof(*after));

	ASSERT_TRUE(before && after);
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, config_save(&owner->fn, before));
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, vfio_reset_only(&owner->fn));
	ASSERT_EQ(0, config_save(&owner->fn, after));
	EXPECT_EQ(0, config_differences(before, after));
	EXPECT_TRUE(pci_answers(owner->fn.address));
	free(before);
	free(after);
}

/*
 * An administrator resets the function before its owner has read the event: the owner
 * can recover as usual. Validates 99.
 */
TEST_F(reset, of_an_administrator_comes_first)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	struct config *before = malloc(sizeof(*before));
	struct config *after = malloc(sizeof(*after));

	ASSERT_TRUE(before && after);
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, config_save(&owner->fn, before));
	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(0, pci_write_attr(owner->fn.address, "reset", "1"));
	EXPECT_TRUE(pci_answers(owner->fn.address));

	EXPECT_EVENT(owner, &event, 1);
	EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT, event.flags);
	ASSERT_EQ(0, owner_recover(owner));
	ASSERT_EQ(0, config_save(&owner->fn, after));
	EXPECT_EQ(0, config_differences(before, after));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));

	/* The next error is reported as a new one. */
	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EVENT(owner, &event, 2);
	EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT, event.flags);
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	free(before);
	free(after);
}

/* Memory that was mapped before the error is still mapped for the device. Validates 65. */
TEST_F(reset, keeps_dma_mappings)
{
	struct owner *owner = &self->owner;
	__u8 block[BLOCK_SIZE];

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	pattern_fill(block, TEST_BLOCK);
	EXPECT_EQ(0, nvme_write(&owner->nvme, TEST_BLOCK, block));
	/* The device has caused no further error. */
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, 100));
}

/* Memory can be mapped and unmapped like before. */
TEST_F(reset, dma_can_be_mapped_anew)
{
	struct owner *owner = &self->owner;
	struct nvme *nvme = &owner->nvme;

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, vfio_reset(&owner->fn));
	ASSERT_EQ(0, vfio_dma_unmap(&owner->fn, nvme->iova, NVME_DMA_SIZE));
	ASSERT_EQ(0, vfio_dma_map(&owner->fn, nvme->mem, nvme->iova, NVME_DMA_SIZE));
	ASSERT_EQ(0, nvme_reinit(nvme));
	EXPECT_EQ(0, nvme_verify(nvme, TEST_BLOCK));
}

/* A second reset succeeds, and so does a reset before the event is read. Validates 67. */
TEST_F(reset, twice_in_a_row)
{
	struct owner *owner = &self->owner;

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, vfio_reset(&owner->fn));
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/*
 * The reset of a working function keeps the config space that the owner has set up, and
 * reports no error. Validates 60, 66.
 */
TEST_F(reset, of_a_healthy_function)
{
	struct owner *owner = &self->owner;
	struct config *before = malloc(sizeof(*before));
	struct config *after = malloc(sizeof(*after));

	ASSERT_TRUE(before && after);
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, config_save(&owner->fn, before));
	ASSERT_EQ(0, vfio_reset(&owner->fn));
	ASSERT_EQ(0, config_save(&owner->fn, after));
	EXPECT_EQ(0, config_differences(before, after));
	ASSERT_EQ(0, nvme_reinit(&owner->nvme));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, 100));
	free(before);
	free(after);
}

/*
 * The PCI core has no way to reset the function: the platform resets it, and
 * VFIO_DEVICE_GET_INFO says that it can be reset.
 */
TEST_F(reset, without_a_reset_method)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct owner *owner = &self->owner;
	char address[PCI_ADDRESS_LEN];
	int ret;

	memcpy(address, owner->fn.address, sizeof(address));
	owner_close(owner);
	ASSERT_EQ(0, pci_write_attr(address, "reset_method", "\n"));
	ret = owner_open_at(owner, address, variant->mode);
	ASSERT_EQ(0, pci_write_attr(address, "reset_method", "default"));
	ASSERT_EQ(0, ret);

	ASSERT_EQ(0, ioctl(owner->fn.device, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_TRUE(info.flags & VFIO_DEVICE_FLAGS_RESET);
	ASSERT_EQ(0, vfio_reset(&owner->fn));
	ASSERT_EQ(0, nvme_reinit(&owner->nvme));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/*
 * Closed in error, the function works for the next owner, and what the last one has
 * written into configuration space is gone. Validates 53, 71.
 */
TEST_F(reset, close_in_error_gives_a_working_function)
{
	struct owner *owner = &self->owner;
	__u8 before, theirs, after;

	ASSERT_EQ(0, pci_config_read(owner->fn.address, PCI_CACHE_LINE_SIZE, &before, 1));
	theirs = before ^ 0x10;
	ASSERT_EQ(0, vfio_config_write(&owner->fn, PCI_CACHE_LINE_SIZE, &theirs, 1));
	ASSERT_EQ(0, pci_config_read(owner->fn.address, PCI_CACHE_LINE_SIZE, &after, 1));
	ASSERT_EQ(theirs, after);
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	owner_close(owner);
	ASSERT_EQ(0, owner_open(owner, variant->mode));
	ASSERT_EQ(0, pci_config_read(owner->fn.address, PCI_CACHE_LINE_SIZE, &after, 1));
	EXPECT_EQ(before, after);
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

FIXTURE(power_cycle) {
	char address[PCI_ADDRESS_LEN];
	char slot[16];
};

FIXTURE_VARIANT(power_cycle) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(power_cycle, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(power_cycle, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(power_cycle)
{
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, self->address));
	ASSERT_EQ(0, pci_slot(self->address, self->slot, sizeof(self->slot)));
}

FIXTURE_TEARDOWN(power_cycle)
{
	/* Switches the power on in case a failed test has left it off. */
	pci_slot_power(self->slot, true);
}

/* After its slot was off and on, a function can be reset after an error. Validates 87. */
TEST_F_TIMEOUT(power_cycle, reset_works, 60)
{
	struct owner owner;

	ASSERT_EQ(0, pci_slot_power(self->slot, false));
	ASSERT_EQ(0, pci_slot_power(self->slot, true));
	ASSERT_EQ(0, pci_wait_answers(self->address, PATIENCE_MS));
	ASSERT_EQ(0, owner_open(&owner, variant->mode));
	EXPECT_EQ(0, nvme_verify(&owner.nvme, TEST_BLOCK));
	ASSERT_EQ(0, owner_listen(&owner));
	ASSERT_EQ(0, owner_suffer(&owner));
	EXPECT_EQ(0, vfio_reset(&owner.fn));
	EXPECT_EQ(0, nvme_reinit(&owner.nvme));
	EXPECT_EQ(0, nvme_verify(&owner.nvme, TEST_BLOCK));
	owner_close(&owner);
}

TEST_HARNESS_MAIN
