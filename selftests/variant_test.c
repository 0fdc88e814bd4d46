// SPDX-License-Identifier: GPL-2.0-only
/*
 * A variant driver in Rust, on top of vfio-pci-core: it does what vfio-pci does,
 * errors included, and has a region of its own.
 */
#include "kselftest_harness.h"

#include "fixture.h"
#include "module.h"
#include "vfio_info.h"

#define DRIVER		"vfio-pci-sample"
#define REGION_VENDOR	0xfffe
#define REGION_SUBTYPE	1

static bool driver_ready(void)
{
	return !module_load("vfio_pci_sample") &&
	       !access("/sys/bus/pci/drivers/" DRIVER, F_OK);
}

FIXTURE(variant) {
	struct owner owner;
};

FIXTURE_VARIANT(variant) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(variant, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(variant, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(variant)
{
	if (!driver_ready())
		SKIP(return, "there is no " DRIVER " in this kernel");
	ASSERT_EQ(0, setenv(OWNER_DRIVER, DRIVER, 1));
	ASSERT_EQ(0, owner_open(&self->owner, variant->mode));
}

FIXTURE_TEARDOWN(variant)
{
	char address[PCI_ADDRESS_LEN];

	memcpy(address, self->owner.fn.address, sizeof(address));
	owner_close(&self->owner);
	pci_bind(address, "vfio-pci");
}

static int times_opened(struct owner *owner, __u32 *times)
{
	struct vfio_region_info info;
	int ret = vfio_region_find(&owner->fn, VFIO_REGION_TYPE_PCI_VENDOR_TYPE | REGION_VENDOR,
				   REGION_SUBTYPE, &info);

	if (ret)
		return ret;
	if (info.size != sizeof(*times))
		return -EPROTO;
	return pread(owner->fn.device, times, sizeof(*times), info.offset) == sizeof(*times) ?
	       0 : -EIO;
}

/* The driver's own region is there, and its data lives as long as the driver is bound. */
TEST_F(variant, own_region)
{
	char address[PCI_ADDRESS_LEN];
	__u32 times;

	ASSERT_EQ(0, times_opened(&self->owner, &times));
	EXPECT_EQ(1, times);
	memcpy(address, self->owner.fn.address, sizeof(address));
	owner_close(&self->owner);
	ASSERT_EQ(0, owner_open_at(&self->owner, address, variant->mode));
	ASSERT_EQ(0, times_opened(&self->owner, &times));
	EXPECT_EQ(2, times);

	/* Bound again it begins again. */
	owner_close(&self->owner);
	ASSERT_EQ(0, pci_unbind(address));
	ASSERT_EQ(0, owner_open(&self->owner, variant->mode));
	ASSERT_EQ(0, times_opened(&self->owner, &times));
	EXPECT_EQ(1, times);
}

/* A real error is told, and the owner recovers the function, time and again. */
TEST_F(variant, recovers)
{
	struct vfio_device_zpci_err_region event;
	int i;

	REQUIRE_REGION(&self->owner);
	ASSERT_EQ(0, owner_listen(&self->owner));
	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(0, owner_suffer(&self->owner));
		expect_event(_metadata, &self->owner, &event, i);
		expect_no_event(_metadata, &self->owner);
		ASSERT_EQ(0, owner_recover(&self->owner));
		EXPECT_EQ(0, nvme_verify(&self->owner.nvme, TEST_BLOCK));
	}
}

FIXTURE(error_tests) {
};

FIXTURE_VARIANT(error_tests) {
	const char *program;
};

FIXTURE_VARIANT_ADD(error_tests, capture) {
	.program = "capture_test",
};

FIXTURE_VARIANT_ADD(error_tests, error_region) {
	.program = "error_region_test",
};

FIXTURE_VARIANT_ADD(error_tests, feature) {
	.program = "feature_test",
};

FIXTURE_VARIANT_ADD(error_tests, reset) {
	.program = "reset_test",
};

FIXTURE_SETUP(error_tests)
{
	if (!driver_ready())
		SKIP(return, "there is no " DRIVER " in this kernel");
}

FIXTURE_TEARDOWN(error_tests)
{
	char address[PCI_ADDRESS_LEN];

	if (!pci_find(PCI_KIND_NVME, address))
		pci_bind(address, "vfio-pci");
}

/* The tests of errors pass with this driver as they do with vfio-pci. */
TEST_F_TIMEOUT(error_tests, pass, 120)
{
	char address[PCI_ADDRESS_LEN], driver[64], line[256];
	bool failed = false;
	FILE *output;

	ASSERT_EQ(0, setenv(OWNER_DRIVER, DRIVER, 1));
	output = popen(variant->program, "r");
	ASSERT_NE(NULL, output);
	while (fgets(line, sizeof(line), output)) {
		if (strncmp(line, "not ok ", strlen("not ok ")))
			continue;
		failed = true;
		line[strcspn(line, "\n")] = 0;
		TH_LOG("%s: %s", variant->program, line);
	}
	EXPECT_EQ(0, pclose(output));
	EXPECT_FALSE(failed);
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, address));
	ASSERT_EQ(0, pci_driver(address, driver, sizeof(driver)));
	EXPECT_STREQ(DRIVER, driver);
}

TEST_HARNESS_MAIN
