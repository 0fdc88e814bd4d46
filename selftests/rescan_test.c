// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions are removed from the PCI core and found again: by "remove" and "rescan", by
 * their slots and by events, and by several of these at once. Afterwards there is one
 * device, it works, and no function has waited for another one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "child.h"
#include "file.h"
#include "fixture.h"
#include "host.h"
#include "inject.h"
#include "kmsg.h"
#include "module.h"
#include "raw_nvme.h"

/* The function that is plugged: its UID is its PCI domain. */
#define HOT_UID		64
#define HOT_ADDRESS	"0040:00:00.0"
#define HOT_SLOT	"00000040"

/* Another function, which is plugged into the same domain. */
#define OTHER_FID	65
#define OTHER_SLOT	"00000041"

#define RESCAN		"/sys/bus/pci/rescan"

#define ROUNDS		times(25, 200)
#define PLUGGED_ROUNDS	times(10, 40)

/*
 * The length of the config space that a reset changes and restores, and a time within
 * which a reset is done.
 */
#define CONFIG_LEN	64
#define RESET_MS	300

/* Less than the duration of the shortest reset, and more than the pause between two attempts. */
#define SLOW		"/sys/module/zpci_slow_removal/parameters/"
#define SLOW_MS		"30"
#define SLOW_REMOVALS	times(6, 24)

/* The length of an e1000e's registers, and the register that is never 0. */
#define E1000E_BAR_SIZE	0x20000
#define E1000E_STATUS	0x8

#define NO_HOST		"nobody plugs functions for this machine"
#define NO_INJECTOR	"the module zpci_inject is not there"

/*
 * Resets a function in error. The C version fails with EAGAIN while it still processes
 * the event.
 */
static int reset_soon(struct vfio_function *fn)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	int ret;

	do {
		ret = vfio_reset(fn);
	} while (ret == -EAGAIN && wait_on(deadline));
	/* The C version leaves bus mastering off after a real error. */
	return ret ? ret : vfio_enable_bus_master(fn);
}

/* An owner in user space can open the function, and recover it from an error. */
static void expect_usable(struct __test_metadata *_metadata, const char *address)
{
	struct owner owner;
	__u8 block[BLOCK_SIZE];

	ASSERT_EQ(0, owner_open_new(&owner, address, VFIO_CDEV_IOMMUFD));
	EXPECT_EQ(0, owner_listen(&owner));
	EXPECT_EQ(0, owner_suffer(&owner));
	EXPECT_EQ(0, reset_soon(&owner.fn));
	EXPECT_EQ(0, nvme_reinit(&owner.nvme));
	EXPECT_EQ(0, nvme_read(&owner.nvme, TEST_BLOCK, block));
	owner_close(&owner);
}

#define EXPECT_USABLE(address)	expect_usable(_metadata, address)

static int rescan(const void *arg)
{
	(void)arg;
	return file_write(RESCAN, "1");
}

/* A function that goes and comes while all buses are scanned. */
FIXTURE(scans) {
	char address[PCI_ADDRESS_LEN];
	char slot[16];
	pid_t child;
};

FIXTURE_SETUP(scans)
{
	/*
	 * The kernel's NVMe driver would wait a minute for its first commands if its
	 * function goes then.
	 */
	module_unload("nvme");
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, self->address));
	ASSERT_EQ(0, pci_slot(self->address, self->slot, sizeof(self->slot)));
	self->child = child_start(NULL, rescan, NULL, true);
	ASSERT_LT(0, self->child);
}

FIXTURE_TEARDOWN(scans)
{
	pci_slot_power(self->slot, true);
	pci_wait_present(self->address, true, PATIENCE_MS);
}

TEST_F_TIMEOUT(scans, beside_slot_power, 300)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, pci_slot_power(self->slot, false));
		ASSERT_EQ(0, pci_wait_present(self->address, false, 0));
		ASSERT_EQ(0, pci_slot_power(self->slot, true));
		ASSERT_EQ(0, pci_wait_present(self->address, true, PATIENCE_MS));
	}
	EXPECT_EQ(0, child_stop(self->child));
	EXPECT_USABLE(self->address);
}

TEST_F_TIMEOUT(scans, beside_events, 300)
{
	struct ccdf gone = { .pec = PEC_DECONFIGURED }, back;
	int i;

	if (!inject_load())
		SKIP(return, NO_INJECTOR);
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, inject_aim(self->address, &gone));
		back = gone;
		back.fh &= ~(1U << 31);
		back.pec = PEC_CONFIGURED;
		ASSERT_EQ(0, inject_ccdf(INJECT_AVAILABILITY, &gone));
		ASSERT_EQ(0, pci_wait_present(self->address, false, PATIENCE_MS));
		ASSERT_EQ(0, inject_ccdf(INJECT_AVAILABILITY, &back));
		ASSERT_EQ(0, pci_wait_present(self->address, true, PATIENCE_MS));
	}
	EXPECT_EQ(0, child_stop(self->child));
	EXPECT_USABLE(self->address);
}

/* A function that an administrator removes from the PCI core. */
FIXTURE(taken) {
	char address[PCI_ADDRESS_LEN];
	char slot[16];
};

FIXTURE_SETUP(taken)
{
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, self->address));
	ASSERT_EQ(0, pci_slot(self->address, self->slot, sizeof(self->slot)));
}

FIXTURE_TEARDOWN(taken)
{
	rescan(NULL);
	pci_slot_power(self->slot, true);
	pci_wait_present(self->address, true, PATIENCE_MS);
}

/* A function in error that nobody recovers is removed: a rescan finds it, and it works. */
TEST_F_TIMEOUT(taken, remove_and_rescan, 60)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	struct vfio_function fn;
	__u64 start;

	ASSERT_EQ(0, pci_bind(self->address, "vfio-pci"));
	ASSERT_EQ(0, vfio_open(&fn, self->address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, dma_start(&fn, &start));
	vfio_close(&fn);
	ASSERT_EQ(0, pci_unbind(self->address));
	ASSERT_EQ(0, raw_nvme_provoke_error(self->address, start + DMA_UNMAPPED_AT));
	while (pci_answers(self->address))
		ASSERT_TRUE(wait_on(deadline));

	ASSERT_EQ(0, pci_write_attr(self->address, "remove", "1"));
	EXPECT_EQ(0, pci_wait_present(self->address, false, 0));
	ASSERT_EQ(0, rescan(NULL));
	ASSERT_EQ(0, pci_wait_present(self->address, true, 0));
	EXPECT_TRUE(pci_answers(self->address));
	EXPECT_USABLE(self->address);
}

static int remove_it(const void *address)
{
	return pci_write_attr(address, "remove", "1");
}

static void remove_in_error(struct __test_metadata *_metadata, const char *address)
{
	__u8 before[CONFIG_LEN], after[CONFIG_LEN];
	int request = event_new();
	struct owner owner;
	pid_t child;

	ASSERT_EQ(0, owner_open_new(&owner, address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, vfio_irq_set(&owner.fn, VFIO_PCI_REQ_IRQ_INDEX, &request, 1));
	ASSERT_EQ(0, owner_listen(&owner));
	ASSERT_EQ(0, owner_suffer(&owner));
	child = child_start(&owner.fn, remove_it, address, false);
	ASSERT_LT(0, child);
	ASSERT_EQ(0, event_wait(request, PATIENCE_MS));
	owner_close(&owner);
	ASSERT_EQ(0, child_wait(child));
	ASSERT_EQ(0, pci_wait_present(address, false, 0));

	ASSERT_EQ(0, rescan(NULL));
	ASSERT_EQ(0, pci_wait_present(address, true, 0));
	EXPECT_EQ(0, pci_config_read(address, 0, before, CONFIG_LEN));
	sleep_ms(RESET_MS);
	EXPECT_EQ(0, pci_config_read(address, 0, after, CONFIG_LEN));
	EXPECT_EQ(0, memcmp(before, after, CONFIG_LEN));
	EXPECT_USABLE(address);
	close(request);
}

/*
 * A function in error is removed while it is open: before a rescan adds the new device,
 * the kernel has repaired the function. A slow PCI core leaves time for a mistake.
 */
TEST_F_TIMEOUT(taken, removed_in_error_while_open, 60)
{
	int i;

	module_unload("nvme");
	if (module_load("zpci_slow_removal"))
		SKIP(return, "the module zpci_slow_removal is not there");
	for (i = 0; i < SLOW_REMOVALS; i++) {
		ASSERT_EQ(0, file_write(SLOW "before_ms", i % 2 ? "0" : SLOW_MS));
		ASSERT_EQ(0, file_write(SLOW "after_ms", i % 2 ? SLOW_MS : "0"));
		remove_in_error(_metadata, self->address);
	}
	EXPECT_EQ(0, module_unload("zpci_slow_removal"));
}

static int recover_it(const void *address)
{
	return pci_write_attr(address, "recover", "1");
}

/* Two processes write to recover while the function is open: the second finds it removed. */
TEST_F_TIMEOUT(taken, recovered_twice_at_once, 60)
{
	int request = event_new(), log = kmsg_open();
	struct owner owner = { 0 };
	pid_t child[2];

	ASSERT_LE(0, log);
	ASSERT_EQ(0, owner_open_new(&owner, self->address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, vfio_irq_set(&owner.fn, VFIO_PCI_REQ_IRQ_INDEX, &request, 1));
	child[0] = child_start(&owner.fn, recover_it, self->address, false);
	ASSERT_LT(0, child[0]);
	ASSERT_EQ(0, event_wait(request, PATIENCE_MS));
	child[1] = child_start(&owner.fn, recover_it, self->address, false);
	ASSERT_LT(0, child[1]);
	sleep_ms(RESET_MS);
	owner_close(&owner);
	EXPECT_EQ(0, child_wait(child[0]));
	EXPECT_EQ(0, child_wait(child[1]));
	EXPECT_EQ(-ETIMEDOUT, kmsg_wait(log, "kernfs: can not remove 'recover'", 0));
	ASSERT_EQ(0, pci_wait_present(self->address, true, PATIENCE_MS));
	EXPECT_USABLE(self->address);
	close(log);
	close(request);
}

static int power_off(const void *slot)
{
	return pci_slot_power(slot, false);
}

static int off_and_on(const void *slot)
{
	int ret = pci_slot_power(slot, false);

	return ret ? ret : pci_slot_power(slot, true);
}

/*
 * A slot is switched off, and the owner does not close its function: meanwhile other
 * functions are scanned, go, and come.
 */
TEST_F_TIMEOUT(taken, power_off_holds_up_nobody, 120)
{
	char other[PCI_ADDRESS_LEN], slot[16];
	struct owner owner = { 0 };
	int request = event_new();
	pid_t off, child;

	ASSERT_EQ(0, pci_find_other(PCI_KIND_NVME, self->address, other));
	ASSERT_EQ(0, pci_slot(other, slot, sizeof(slot)));
	ASSERT_EQ(0, owner_open_new(&owner, self->address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, vfio_irq_set(&owner.fn, VFIO_PCI_REQ_IRQ_INDEX, &request, 1));
	off = child_start(&owner.fn, power_off, self->slot, false);
	ASSERT_LT(0, off);
	ASSERT_EQ(0, event_wait(request, PATIENCE_MS));

	child = child_start(&owner.fn, rescan, NULL, false);
	EXPECT_EQ(0, child_wait(child));
	child = child_start(&owner.fn, off_and_on, slot, false);
	EXPECT_EQ(0, child_wait(child));
	EXPECT_EQ(0, waitpid(off, NULL, WNOHANG));

	owner_close(&owner);
	EXPECT_EQ(0, child_wait(off));
	EXPECT_EQ(0, pci_wait_present(self->address, false, 0));
	ASSERT_EQ(0, pci_wait_present(other, true, PATIENCE_MS));
	ASSERT_EQ(0, pci_slot_power(self->slot, true));
	ASSERT_EQ(0, pci_wait_present(self->address, true, PATIENCE_MS));
	EXPECT_USABLE(self->address);
	close(request);
}

static int remove_and_rescan(const void *address)
{
	int ret = pci_write_attr(address, "remove", "1");

	return ret ? ret : rescan(NULL);
}

/* Waits until the slot is off. The slot exists as long as the device has references. */
static int wait_switched_off(const char *slot)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	char path[128], power = '1';
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/slots/%s/power", slot);
	do {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, &power, 1) != 1)
			power = '?';
		close(fd);
	} while (power == '1' && wait_on(deadline));
	return power == '0' ? 0 : -ETIMEDOUT;
}

/* A function that is plugged. */
FIXTURE(plugged) {
	char address[PCI_ADDRESS_LEN];
	__u64 name;
};

FIXTURE_SETUP(plugged)
{
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, self->address));
	self->name = host_plug_nvme(HOT_UID);
	if (pci_wait_present(HOT_ADDRESS, true, PATIENCE_MS))
		SKIP(return, NO_HOST);
}

FIXTURE_TEARDOWN(plugged)
{
	if (!pci_wait_present(HOT_ADDRESS, true, 0)) {
		host_unplug(self->name);
		EXPECT_EQ(0, pci_wait_slot(HOT_SLOT, false, PATIENCE_MS));
	}
}

/* A plugged function is released while another one is removed and found again, many times. */
TEST_F_TIMEOUT(plugged, released_beside_remove_and_rescan, 300)
{
	pid_t child = child_start(NULL, remove_and_rescan, self->address, true);
	int i;

	ASSERT_LT(0, child);
	for (i = 0; i < PLUGGED_ROUNDS; i++) {
		host_unplug(self->name);
		ASSERT_EQ(0, pci_wait_slot(HOT_SLOT, false, PATIENCE_MS)) {
			TH_LOG("round %d", i);
		}
		self->name = host_plug_nvme(HOT_UID);
		ASSERT_EQ(0, pci_wait_present(HOT_ADDRESS, true, PATIENCE_MS)) {
			TH_LOG("round %d", i);
		}
	}
	EXPECT_EQ(0, child_stop(child));
	rescan(NULL);
	ASSERT_EQ(0, pci_wait_present(self->address, true, PATIENCE_MS));
	EXPECT_USABLE(self->address);
	EXPECT_USABLE(HOT_ADDRESS);
}

/* Binds the kernel's driver and opens the disk, so that the device is kept after its removal. */
static int hold_disk(const char *address)
{
	char path[64];
	int ret = pci_bind(address, "nvme");

	if (!ret)
		ret = pci_wait_disk(address, path, sizeof(path), PATIENCE_MS);
	if (ret)
		return ret;
	ret = open(path, O_RDONLY | O_CLOEXEC);
	return ret < 0 ? -errno : ret;
}

/*
 * The function is unplugged while its disk is open, and another function is plugged
 * into its domain: the other function cannot come until the disk is closed. kmemleak
 * checks that the failure leaks nothing.
 */
TEST_F_TIMEOUT(plugged, leaves_its_domain, 120)
{
	struct ccdf several = { .pec = PEC_SEVERAL };
	int disk, log = kmsg_open();

	if (!inject_load() || module_load("nvme"))
		SKIP(return, "the module zpci_inject or the driver for NVMe is not there");
	disk = hold_disk(HOT_ADDRESS);
	ASSERT_LE(0, disk);
	host_unplug(self->name);
	ASSERT_EQ(0, wait_switched_off(HOT_SLOT));

	self->name = host_plug_nvme_as(HOT_UID, OTHER_FID);
	ASSERT_EQ(0, kmsg_wait(log, "Adding PCI function 00000041 failed", PATIENCE_MS));
	close(log);
	close(disk);
	ASSERT_EQ(0, pci_wait_slot(HOT_SLOT, false, PATIENCE_MS));
	ASSERT_EQ(0, inject_ccdf(INJECT_AVAILABILITY, &several));
	ASSERT_EQ(0, pci_wait_present(HOT_ADDRESS, true, PATIENCE_MS));
	EXPECT_USABLE(HOT_ADDRESS);
	host_unplug(self->name);
	ASSERT_EQ(0, pci_wait_slot(OTHER_SLOT, false, PATIENCE_MS));
}

/* A function that has just been plugged cannot be bound or opened at first. */
static int open_new(struct vfio_function *fn, const char *address)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	int ret;

	do {
		ret = pci_bind(address, "vfio-pci");
		if (!ret)
			ret = vfio_open(fn, address, VFIO_CDEV_IOMMUFD);
	} while (ret && wait_on(deadline));
	return ret;
}

/*
 * The function is unplugged while its disk is open, and an adapter of another kind is
 * plugged with the same function ID. The registers of the new adapter work, also after
 * the disk is closed.
 */
TEST_F_TIMEOUT(plugged, becomes_another_adapter, 120)
{
	struct owner victim;
	struct vfio_function fn;
	__u32 status;
	int disk, i;

	if (module_load("nvme"))
		SKIP(return, "the kernel has no driver for NVMe");
	ASSERT_EQ(0, owner_open_new(&victim, self->address, VFIO_CDEV_IOMMUFD));
	disk = hold_disk(HOT_ADDRESS);
	ASSERT_LE(0, disk);
	host_unplug(self->name);
	ASSERT_EQ(0, wait_switched_off(HOT_SLOT));

	self->name = host_plug_e1000e(HOT_UID);
	ASSERT_EQ(0, pci_wait_present(HOT_ADDRESS, true, PATIENCE_MS));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, open_new(&fn, HOT_ADDRESS));
		EXPECT_EQ(E1000E_BAR_SIZE, fn.window[0].size);
		EXPECT_EQ(0, vfio_enable_bus_master(&fn));
		EXPECT_EQ(0, vfio_bar_read32(&fn, 0, E1000E_STATUS, &status));
		EXPECT_NE(~0U, status);
		EXPECT_NE(0, status);
		EXPECT_EQ(0, vfio_bar_read32(&fn, 1, 0, &status));
		vfio_close(&fn);
		EXPECT_EQ(0, nvme_reinit(&victim.nvme));
		EXPECT_EQ(0, nvme_verify(&victim.nvme, TEST_BLOCK));
		if (!i)
			close(disk);
	}
	owner_close(&victim);
}

TEST_HARNESS_MAIN
