// SPDX-License-Identifier: GPL-2.0-only
/*
 * A physical function and its virtual one. The platform gives the virtual one when VF
 * Enable is set, and takes it when VF Enable is cleared. One function recovers without
 * the other, and both can go and come again while they are in use.
 */
#include <stdio.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "child.h"
#include "file.h"
#include "kmsg.h"
#include "module.h"
#include "part.h"

#define QUIET_MS	300

#define RESCAN		"/sys/bus/pci/rescan"

/* The physical channel ID of both functions: the kernel sees by it that one device has them. */
#define PCHID		0x178

/* The address of the virtual function: on the bus of the physical one. */
#define VF_AT		"%.7s:01.0"

/* Waits until the kernel has linked the virtual function to the physical one: 0 or -ETIMEDOUT. */
static int wait_linked(const struct part *pf, const struct part *vf)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	char path[2][96];

	snprintf(path[0], sizeof(path[0]), "/sys/bus/pci/devices/%s/virtfn0", pf->address);
	snprintf(path[1], sizeof(path[1]), "/sys/bus/pci/devices/%s/physfn", vf->address);
	while (access(path[0], F_OK) || access(path[1], F_OK)) {
		if (!wait_on(deadline))
			return -ETIMEDOUT;
	}
	return 0;
}

/* A physical function, its virtual one, and the disk of the physical one. */
struct device {
	struct part pf, vf;
	char disk[64];
};

FIXTURE(iov) {
	struct device device;
};

FIXTURE_VARIANT(iov) {
	/* Whether a virtual function comes configured or in standby. */
	bool configured;
};

FIXTURE_VARIANT_ADD(iov, in_standby) {
	.configured = false,
};

FIXTURE_VARIANT_ADD(iov, configured) {
	.configured = true,
};

static int set_number(const struct part *pf, const char *number)
{
	return pci_write_attr(pf->address, "sriov_numvfs", number);
}

static void vf_comes(struct __test_metadata *_metadata, struct device *device, bool configured)
{
	ASSERT_EQ(0, set_number(&device->pf, "1"));
	if (!configured) {
		ASSERT_EQ(0, pci_wait_slot(device->vf.slot, true, PATIENCE_MS));
		EXPECT_EQ(-ETIMEDOUT, pci_wait_present(device->vf.address, true, QUIET_MS));
		ASSERT_EQ(0, pci_slot_power(device->vf.slot, true));
	}
	ASSERT_EQ(0, pci_wait_present(device->vf.address, true, PATIENCE_MS));
	EXPECT_EQ(0, wait_linked(&device->pf, &device->vf));
}

static void vf_open(struct __test_metadata *_metadata, struct device *device)
{
	ASSERT_EQ(0, pci_bind_new(device->vf.address, "vfio-pci", PATIENCE_MS));
	part_open(_metadata, &device->vf);
}

static void pf_works(struct __test_metadata *_metadata, struct device *device)
{
	ASSERT_EQ(0, pci_bind_new(device->pf.address, "nvme", PATIENCE_MS));
	ASSERT_EQ(0, pci_wait_disk(device->pf.address, device->disk, sizeof(device->disk),
				   PATIENCE_MS));
	EXPECT_EQ(0, disk_verify(device->disk, TEST_BLOCK));
}

FIXTURE_SETUP(iov)
{
	struct device *device = &self->device;
	struct part *pf = &device->pf, *vf = &device->vf;
	char address[PCI_ADDRESS_LEN];

	pf->owner.error_event = -1;
	vf->owner.error_event = -1;
	rough_platform(_metadata);
	ASSERT_EQ(0, platform_command("inside on"));
	ASSERT_EQ(0, module_load("nvme"));
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, address));
	part_find(_metadata, pf, address);
	ASSERT_EQ(0, pci_find_other(PCI_KIND_NVME, pf->before, address));
	part_find(_metadata, vf, address);
	part_give_away(_metadata, pf);
	part_give_away(_metadata, vf);
	memcpy(pf->address, pf->before, sizeof(pf->address));
	snprintf(vf->address, sizeof(vf->address), VF_AT, pf->before);
	ASSERT_EQ(0, platform_command("sriov fid=%lu pchid=%d vf=%lu %s", pf->fid, PCHID,
				      vf->fid, variant->configured ? "configured" : ""));
	part_get_back(_metadata, pf, pf->address);
	ASSERT_EQ(0, pci_write_attr(pf->address, "sriov_drivers_autoprobe", "0"));
	pf_works(_metadata, device);
}

FIXTURE_TEARDOWN(iov)
{
	struct device *device = &self->device;

	/*
	 * After a failed ASSERT of the test, each ASSERT of the teardown would end it, even one
	 * that holds, unless an EXPECT comes first.
	 */
	EXPECT_EQ(0, platform_command("forget"));
	owner_close(&device->vf.owner);
	owner_close(&device->pf.owner);
	/*
	 * This fails if no virtual function is enabled or the physical one is away,
	 * which does not matter.
	 */
	set_number(&device->pf, "0");
	part_give_away(_metadata, &device->vf);
	pci_bind(device->pf.address, "vfio-pci");
	part_give_away(_metadata, &device->pf);
	ASSERT_EQ(0, platform_command("identity fid=%lu", device->pf.fid));
	ASSERT_EQ(0, platform_command("identity fid=%lu", device->vf.fid));
	part_get_back(_metadata, &device->pf, device->pf.before);
	part_get_back(_metadata, &device->vf, device->vf.before);
	ASSERT_EQ(0, pci_bind_new(device->pf.before, "vfio-pci", PATIENCE_MS));
	ASSERT_EQ(0, pci_bind_new(device->vf.before, "vfio-pci", PATIENCE_MS));
	platform_command("reset");
}

/*
 * A virtual function comes when VF Enable is set, works, and goes when it is cleared.
 * Validates R26.
 */
TEST_F_TIMEOUT(iov, comes_and_goes, 90)
{
	struct device *device = &self->device;
	unsigned long value = 0;
	int i;

	EXPECT_EQ(0, pci_read_attr(device->pf.address, "sriov_totalvfs", &value));
	EXPECT_EQ(1, value);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-ETIMEDOUT, pci_wait_slot(device->vf.slot, true, 0));
		vf_comes(_metadata, device, variant->configured);
		vf_open(_metadata, device);
		EXPECT_EQ(0, nvme_verify(&device->vf.owner.nvme, TEST_BLOCK));
		/*
		 * The slot of a physical function cannot be switched off while its
		 * virtual one is open.
		 */
		EXPECT_EQ(-EBUSY, pci_slot_power(device->pf.slot, false));
		owner_close(&device->vf.owner);
		ASSERT_EQ(0, set_number(&device->pf, "0"));
		ASSERT_EQ(0, pci_wait_slot(device->vf.slot, false, PATIENCE_MS));
		EXPECT_EQ(0, disk_verify(device->disk, TEST_BLOCK));
	}
}

/*
 * The virtual function fails and is recovered; the physical one goes on undisturbed.
 * Validates R26.
 */
TEST_F_TIMEOUT(iov, vf_in_error, 90)
{
	struct device *device = &self->device;
	struct owner *owner = &device->vf.owner;
	struct vfio_device_zpci_err_region event;
	struct config before, after;
	long resets;
	int i;

	vf_comes(_metadata, device, variant->configured);
	vf_open(_metadata, device);
	ASSERT_EQ(0, config_save(&owner->fn, &before));
	resets = part_disabled(&device->pf);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, owner_suffer(owner));
		ASSERT_EQ(0, owner_take(owner, &event));
		EXPECT_EQ(PEC_DMA_ACCESS, event.pec);
		EXPECT_EQ(0, disk_verify(device->disk, TEST_BLOCK));
		ASSERT_EQ(0, vfio_reset(&owner->fn));
		ASSERT_EQ(0, config_save(&owner->fn, &after));
		EXPECT_EQ(0, config_differences(&before, &after));
		EXPECT_EQ(0, nvme_reinit(&owner->nvme));
		EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	}
	EXPECT_EQ(resets, part_disabled(&device->pf));
	EXPECT_EQ(0, disk_verify(device->disk, TEST_BLOCK));
}

/*
 * The driver of the physical function recovers it from errors. The owner of the virtual
 * one is not disturbed. Validates R26.
 */
TEST_F_TIMEOUT(iov, pf_in_error, 90)
{
	struct device *device = &self->device;
	struct owner *owner = &device->vf.owner;
	unsigned long number = 0;
	char recovered[64];
	long resets;
	int i, log;

	snprintf(recovered, sizeof(recovered), "%s: The device is ready to resume operations",
		 device->pf.address);

	vf_comes(_metadata, device, variant->configured);
	vf_open(_metadata, device);
	resets = part_disabled(&device->vf);
	log = kmsg_open();
	ASSERT_LE(0, log);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, part_announce(&device->pf, 5, ""));
		ASSERT_EQ(0, kmsg_wait(log, recovered, PATIENCE_MS));
		ASSERT_EQ(0, pci_wait_disk(device->pf.address, device->disk, sizeof(device->disk),
					   PATIENCE_MS));
		EXPECT_EQ(0, disk_verify(device->disk, TEST_BLOCK));
		EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
		EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, 0));
		EXPECT_EQ(0, pci_read_attr(device->pf.address, "sriov_numvfs", &number));
		EXPECT_EQ(1, number);
	}
	EXPECT_EQ(resets, part_disabled(&device->vf));
	/* The virtual function can still fail and be recovered. */
	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(0, owner_recover(owner));
	close(log);
}

static int rescan(const void *arg)
{
	(void)arg;
	return file_write(RESCAN, "1");
}

static int disable_vfs(const void *pf)
{
	return set_number(pf, "0");
}

static int recover_pf(const void *arg)
{
	const struct part *pf = arg;

	return pci_write_attr(pf->address, "recover", "1");
}

static int remove_pf(const void *arg)
{
	const struct part *pf = arg;
	int ret = pci_write_attr(pf->address, "remove", "1");

	return ret ? ret : rescan(NULL);
}

/* An owner keeps a virtual function open while an operation on the physical one removes it. */
static void vf_is_kept(struct __test_metadata *_metadata, struct device *device,
		       int (*begin)(const void *pf), bool configured)
{
	struct vfio_function *fn = &device->vf.owner.fn;
	int request = event_new();
	pid_t child;

	vf_comes(_metadata, device, configured);
	vf_open(_metadata, device);
	ASSERT_EQ(0, vfio_irq_set(fn, VFIO_PCI_REQ_IRQ_INDEX, &request, 1));
	child = child_start(fn, begin, &device->pf, false);
	ASSERT_EQ(0, event_wait(request, PATIENCE_MS));
	sleep_ms(QUIET_MS);
	/* Nothing else waits: a scan succeeds. */
	EXPECT_EQ(0, child_wait(child_start(fn, rescan, NULL, false)));
	owner_close(&device->vf.owner);
	EXPECT_EQ(0, child_wait(child));
	EXPECT_EQ(0, pci_wait_present(device->vf.address, false, PATIENCE_MS));
	EXPECT_EQ(0, pci_wait_present(device->pf.address, true, PATIENCE_MS));
	close(request);
}

TEST_F_TIMEOUT(iov, vf_is_kept_from_sriov_numvfs, 90)
{
	vf_is_kept(_metadata, &self->device, disable_vfs, variant->configured);
}

TEST_F_TIMEOUT(iov, vf_is_kept_from_recover, 90)
{
	vf_is_kept(_metadata, &self->device, recover_pf, variant->configured);
}

TEST_F_TIMEOUT(iov, vf_is_kept_from_remove, 90)
{
	vf_is_kept(_metadata, &self->device, remove_pf, variant->configured);
}

/*
 * A virtual function is removed from the PCI core and found again: it is linked to the
 * physical one, and leaves no reference to that behind when it goes.
 */
static void vf_is_found_again(struct __test_metadata *_metadata, struct device *device,
			      int (*act)(const void *vf), bool configured)
{
	int i;

	vf_comes(_metadata, device, configured);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, act(&device->vf));
		ASSERT_EQ(0, pci_wait_present(device->vf.address, true, PATIENCE_MS));
		EXPECT_EQ(0, wait_linked(&device->pf, &device->vf));
	}
	vf_open(_metadata, device);
	EXPECT_EQ(0, nvme_verify(&device->vf.owner.nvme, TEST_BLOCK));
	owner_close(&device->vf.owner);
	ASSERT_EQ(0, set_number(&device->pf, "0"));
	ASSERT_EQ(0, pci_wait_slot(device->vf.slot, false, PATIENCE_MS));
	/* Teardown waits until the slot of the physical one goes with the last reference. */
}

TEST_F_TIMEOUT(iov, vf_is_found_after_remove, 90)
{
	vf_is_found_again(_metadata, &self->device, remove_pf, variant->configured);
}

TEST_F_TIMEOUT(iov, vf_is_found_after_recover, 90)
{
	vf_is_found_again(_metadata, &self->device, recover_pf, variant->configured);
}

/*
 * The platform takes both functions, in either order, while the virtual one is open.
 * The virtual function goes first, no other function waits for it, and both come again.
 * Validates R27.
 */
static void both_go(struct __test_metadata *_metadata, struct device *device,
		    const struct part *first, const struct part *second, bool configured)
{
	int request = event_new();

	vf_comes(_metadata, device, configured);
	vf_open(_metadata, device);
	ASSERT_EQ(0, vfio_irq_set(&device->vf.owner.fn, VFIO_PCI_REQ_IRQ_INDEX, &request, 1));
	ASSERT_EQ(0, part_announce(first, PEC_DECONFIGURED, "hold"));
	ASSERT_EQ(0, part_announce(second, PEC_DECONFIGURED, ""));
	ASSERT_EQ(0, event_wait(request, PATIENCE_MS));
	sleep_ms(QUIET_MS);
	EXPECT_EQ(0, child_wait(child_start(&device->vf.owner.fn, rescan, NULL, false)));
	EXPECT_EQ(0, pci_wait_present(device->vf.address, true, 0));
	EXPECT_EQ(0, pci_wait_present(device->pf.address, true, 0));
	EXPECT_NE(0, vfio_reset(&device->vf.owner.fn));
	owner_close(&device->vf.owner);
	EXPECT_EQ(0, pci_wait_present(device->vf.address, false, PATIENCE_MS));
	EXPECT_EQ(0, pci_wait_present(device->pf.address, false, PATIENCE_MS));
	close(request);

	part_get_back(_metadata, &device->pf, device->pf.address);
	ASSERT_EQ(0, pci_write_attr(device->pf.address, "sriov_drivers_autoprobe", "0"));
	pf_works(_metadata, device);
	vf_comes(_metadata, device, configured);
	vf_open(_metadata, device);
	EXPECT_EQ(0, nvme_verify(&device->vf.owner.nvme, TEST_BLOCK));
}

TEST_F_TIMEOUT(iov, vf_goes_before_pf, 90)
{
	struct device *device = &self->device;

	both_go(_metadata, device, &device->vf, &device->pf, variant->configured);
}

TEST_F_TIMEOUT(iov, pf_goes_before_vf, 90)
{
	struct device *device = &self->device;

	both_go(_metadata, device, &device->pf, &device->vf, variant->configured);
}

/* The platform takes and gives back the physical function while its owner has it open. */
static void pf_is_to_come(struct __test_metadata *_metadata, struct device *device,
			  bool configured)
{
	struct owner *owner = &device->pf.owner;
	int request = event_new();

	/* In one variant the kernel knows the virtual function already. */
	if (!configured) {
		ASSERT_EQ(0, part_announce(&device->vf, PEC_STANDBY, ""));
		ASSERT_EQ(0, pci_wait_slot(device->vf.slot, true, PATIENCE_MS));
	}
	ASSERT_EQ(0, pci_bind(device->pf.address, "vfio-pci"));
	ASSERT_EQ(0, owner_open_new(owner, device->pf.address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, vfio_irq_set(&owner->fn, VFIO_PCI_REQ_IRQ_INDEX, &request, 1));
	ASSERT_EQ(0, part_announce(&device->pf, PEC_DECONFIGURED, ""));
	ASSERT_EQ(0, event_wait(request, PATIENCE_MS));
	close(request);
	ASSERT_EQ(0, part_announce(&device->pf, PEC_CONFIGURED, "hold"));
	ASSERT_EQ(0, part_announce(&device->vf, PEC_CONFIGURED, ""));
	EXPECT_EQ(-ETIMEDOUT, pci_wait_present(device->vf.address, true, QUIET_MS));
}

/* The kernel has linked the virtual function to the physical one, and it works. */
static void vf_works(struct __test_metadata *_metadata, struct device *device)
{
	ASSERT_EQ(0, pci_wait_present(device->vf.address, true, PATIENCE_MS));
	EXPECT_EQ(0, wait_linked(&device->pf, &device->vf));
	vf_open(_metadata, device);
	EXPECT_EQ(0, nvme_verify(&device->vf.owner.nvme, TEST_BLOCK));
}

/* The virtual function comes right after the physical one. Validates R27. */
TEST_F_TIMEOUT(iov, comes_behind_its_pf, 90)
{
	struct device *device = &self->device;

	pf_is_to_come(_metadata, device, variant->configured);
	owner_close(&device->pf.owner);
	ASSERT_EQ(0, pci_wait_slot(device->vf.slot, true, PATIENCE_MS));
	vf_works(_metadata, device);
}

/*
 * The virtual function is taken again before it has come, and comes when its slot is
 * switched on. Validates R27.
 */
TEST_F_TIMEOUT(iov, goes_before_its_pf_comes, 90)
{
	struct device *device = &self->device;

	pf_is_to_come(_metadata, device, variant->configured);
	ASSERT_EQ(0, part_announce(&device->vf, PEC_DECONFIGURED, ""));
	sleep_ms(QUIET_MS);
	owner_close(&device->pf.owner);
	/* The physical one is there again, and not still. */
	ASSERT_EQ(0, pci_wait_disk(device->pf.address, device->disk, sizeof(device->disk),
				   PATIENCE_MS));
	ASSERT_EQ(0, pci_wait_slot(device->vf.slot, true, PATIENCE_MS));
	EXPECT_EQ(-ETIMEDOUT, pci_wait_present(device->vf.address, true, QUIET_MS));
	ASSERT_EQ(0, pci_slot_power(device->vf.slot, true));
	vf_works(_metadata, device);
}

TEST_HARNESS_MAIN
