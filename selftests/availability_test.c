// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that come and go: availability events of functions that are plugged and
 * unplugged, and of slots that are switched off and on. After each change of a function
 * an owner can recover it from an error.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "fixture.h"
#include "host.h"
#include "inject.h"
#include "platform.h"

/* The function that these tests plug: its UID is its PCI domain. */
#define HOT_UID		64
#define HOT_ADDRESS	"0040:00:00.0"
#define HOT_SLOT	"00000040"

/* The bit of a function handle that says that the function is enabled. */
#define ENABLED		0x80000000U

#define LOOPS		5
#define QUIET_MS	200

#define NO_HOST		"nobody plugs functions for this machine"

/* Opens the function, causes an error, reads everything about the error, and recovers. */
static void expect_recovery(struct __test_metadata *_metadata, const char *address,
			    enum vfio_mode mode)
{
	struct vfio_device_zpci_err_region event;
	__u8 ccdf[CCDF_LEN], block[BLOCK_SIZE];
	struct owner owner;

	ASSERT_EQ(0, owner_open_new(&owner, address, mode));
	/* No event of an earlier owner has been left. */
	EXPECT_EQ(-ENOMSG, error_feature_take(&owner.fn, ccdf));
	ASSERT_EQ(0, owner_listen(&owner));
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner.error_event, 0));
	EXPECT_EQ(0, owner_suffer(&owner));
	EXPECT_EVENT(&owner, &event, 1);
	EXPECT_EQ(0, event.dropped);
	EXPECT_EQ(0, vfio_reset(&owner.fn));
	EXPECT_EQ(0, nvme_reinit(&owner.nvme));
	EXPECT_EQ(0, nvme_read(&owner.nvme, TEST_BLOCK, block));
	owner_close(&owner);
}

#define EXPECT_RECOVERY(address, mode)	expect_recovery(_metadata, address, mode)

/*
 * Opens a function; the owner listens for errors, and for the kernel's request to close
 * the function.
 */
static void open_and_listen(struct __test_metadata *_metadata, struct owner *owner,
			    const char *address, enum vfio_mode mode, int request)
{
	ASSERT_EQ(0, owner_open_new(owner, address, mode));
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, vfio_irq_set(&owner->fn, VFIO_PCI_REQ_IRQ_INDEX, &request, 1));
}

/* Injects an availability event with the handle of the enabled or the disabled function. */
static int inject_availability(__u32 handle, __u32 id, __u16 pec, bool enabled)
{
	struct ccdf ccdf = {
		.fh = enabled ? handle | ENABLED : handle & ~ENABLED,
		.fid = id,
		.pec = pec,
	};

	return inject_ccdf(INJECT_AVAILABILITY, &ccdf);
}

/* Returns the handle of the disabled function. The emulator may give another handle each time. */
static __u32 disabled_handle(__u32 handle, __u32 id)
{
	__u64 deadline = deadline_in(PATIENCE_MS);

	if (!platform_there())
		return handle;
	do {
		handle = platform_number("handle fid=%u", id);
	} while (handle & ENABLED && wait_on(deadline));
	return handle;
}

FIXTURE(plugged) {
	__u64 name;
	int request;
};

FIXTURE_VARIANT(plugged) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(plugged, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(plugged, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(plugged)
{
	self->request = event_new();
	ASSERT_LE(0, self->request);
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
	close(self->request);
}

/* A plugged function can be recovered like a function that was there at boot. Validates 87. */
TEST_F(plugged, recovers)
{
	EXPECT_RECOVERY(HOT_ADDRESS, variant->mode);
	EXPECT_RECOVERY(HOT_ADDRESS, variant->mode);
}

/*
 * A function that is unplugged and plugged again is a new one: no earlier event is
 * left. Validates 87, 91.
 */
TEST_F_TIMEOUT(plugged, comes_and_goes, 120)
{
	int i;

	for (i = 0; i < LOOPS; i++) {
		EXPECT_RECOVERY(HOT_ADDRESS, variant->mode);
		host_unplug(self->name);
		ASSERT_EQ(0, pci_wait_slot(HOT_SLOT, false, PATIENCE_MS));
		EXPECT_EQ(0, pci_wait_present(HOT_ADDRESS, false, 0));
		self->name = host_plug_nvme(HOT_UID);
		ASSERT_EQ(0, pci_wait_present(HOT_ADDRESS, true, PATIENCE_MS));
	}
	EXPECT_RECOVERY(HOT_ADDRESS, variant->mode);
}

/*
 * The platform asks for an open function: the owner is told, can still read its event,
 * and a reset takes no longer than documented. Other functions work meanwhile. When the
 * owner closes the function, the function goes. Validates 88, 89, 91.
 */
TEST_F_TIMEOUT(plugged, is_asked_for_while_open, 120)
{
	struct vfio_device_zpci_err_region event;
	char address[PCI_ADDRESS_LEN];
	struct owner owner;
	__u64 start;
	int ret;

	ASSERT_EQ(0, pci_find_other(PCI_KIND_NVME, HOT_ADDRESS, address));
	open_and_listen(_metadata, &owner, HOT_ADDRESS, variant->mode, self->request);
	ASSERT_EQ(0, owner_suffer(&owner));
	host_unplug(self->name);
	ASSERT_EQ(0, event_wait(self->request, PATIENCE_MS));

	start = now_ns();
	ret = vfio_reset(&owner.fn);
	EXPECT_TRUE(!ret || ret == -EAGAIN) {
		TH_LOG("reset: %d", ret);
	}
	EXPECT_GT(12000, (now_ns() - start) / 1000000);
	EXPECT_EVENT(&owner, &event, 1);
	EXPECT_RECOVERY(address, variant->mode);
	EXPECT_EQ(0, pci_wait_present(HOT_ADDRESS, true, 0));
	owner_close(&owner);
	ASSERT_EQ(0, pci_wait_slot(HOT_SLOT, false, PATIENCE_MS));

	self->name = host_plug_nvme(HOT_UID);
	ASSERT_EQ(0, pci_wait_present(HOT_ADDRESS, true, PATIENCE_MS));
	EXPECT_RECOVERY(HOT_ADDRESS, variant->mode);
}

/*
 * The platform asks for an open function, and the owner never reads the events. The
 * function goes, and no event is left for the next owner. Validates 88, 91.
 */
TEST_F_TIMEOUT(plugged, goes_with_events_pending, 120)
{
	struct owner owner;
	int i;

	if (!inject_load())
		SKIP(return, "there is no zpci_inject");
	if (is_c_version())
		SKIP(return, "the thread that reports it waits for the owner: for itself");
	open_and_listen(_metadata, &owner, HOT_ADDRESS, variant->mode, self->request);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, inject_error(HOT_ADDRESS, PEC_ERROR_STATE));
	host_unplug(self->name);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, inject_error(HOT_ADDRESS, PEC_LOST));
	ASSERT_EQ(0, event_wait(self->request, PATIENCE_MS));
	owner_close(&owner);
	ASSERT_EQ(0, pci_wait_slot(HOT_SLOT, false, PATIENCE_MS));
	self->name = host_plug_nvme(HOT_UID);
	ASSERT_EQ(0, pci_wait_present(HOT_ADDRESS, true, PATIENCE_MS));
	EXPECT_RECOVERY(HOT_ADDRESS, variant->mode);
}

/* Starts a child that scans all functions and reads debugfs, again and again. */
static pid_t look_at_all_of_them(void)
{
	pid_t child = fork();
	char line[256];
	FILE *file;

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (inject_availability(0, 0, PEC_SEVERAL, false))
			_exit(1);
		file = fopen("/sys/kernel/debug/pci/recovery", "re");
		if (!file)
			_exit(1);
		while (fgets(line, sizeof(line), file))
			;
		fclose(file);
		usleep(2000);
	}
}

/*
 * The kernel scans all functions while one of them goes, becomes reserved, and comes
 * again. The scan and the events do not handle the function at the same time, and the
 * kernel forgets the function only once. Validates 87, 91.
 */
TEST_F_TIMEOUT(plugged, comes_and_goes_while_looked_at, 120)
{
	pid_t child;
	int i;

	if (!inject_load())
		SKIP(return, "there is no zpci_inject");
	if (is_c_version())
		SKIP(return, "events are handled by the one thread that reports them");
	child = look_at_all_of_them();
	ASSERT_LT(0, child);
	for (i = 0; i < LOOPS; i++) {
		host_unplug(self->name);
		ASSERT_EQ(0, pci_wait_slot(HOT_SLOT, false, PATIENCE_MS));
		self->name = host_plug_nvme(HOT_UID);
		ASSERT_EQ(0, pci_wait_present(HOT_ADDRESS, true, PATIENCE_MS));
	}
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG)) {
		TH_LOG("the child has failed");
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EXPECT_RECOVERY(HOT_ADDRESS, variant->mode);
}

FIXTURE(slot) {
	char address[PCI_ADDRESS_LEN];
	char slot[16];
	int request;
};

FIXTURE_VARIANT(slot) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(slot, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(slot, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(slot)
{
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, self->address));
	ASSERT_EQ(0, pci_slot(self->address, self->slot, sizeof(self->slot)));
	self->request = event_new();
	ASSERT_LE(0, self->request);
}

FIXTURE_TEARDOWN(slot)
{
	/* Switches the power on in case a failed test has left it off. */
	pci_slot_power(self->slot, true);
	pci_wait_present(self->address, true, PATIENCE_MS);
	close(self->request);
}

/*
 * The slot of a closed function is switched off and on: the function recovers in every
 * round. Validates 87.
 */
TEST_F_TIMEOUT(slot, power_in_a_loop, 120)
{
	int i;

	for (i = 0; i < LOOPS; i++) {
		ASSERT_EQ(0, pci_slot_power(self->slot, false));
		EXPECT_EQ(0, pci_wait_present(self->address, false, 0));
		ASSERT_EQ(0, pci_slot_power(self->slot, true));
		ASSERT_EQ(0, pci_wait_present(self->address, true, PATIENCE_MS));
		EXPECT_RECOVERY(self->address, variant->mode);
	}
}

/* Switches the power off in a child, because the write waits for the owner of the function. */
static pid_t power_off(struct owner *owner, const char *slot)
{
	pid_t child = fork();

	if (child)
		return child;
	vfio_close(&owner->fn);
	_exit(!!pci_slot_power(slot, false));
}

/*
 * The slot of an open function, healthy or in error, is switched off: the write waits
 * for the owner, and no other function waits. Validates 87, 88.
 */
TEST_F_TIMEOUT(slot, power_off_while_open, 120)
{
	struct owner owner;
	int i, status;
	pid_t child;

	for (i = 0; i < 4; i++) {
		open_and_listen(_metadata, &owner, self->address, variant->mode, self->request);
		if (i % 2)
			ASSERT_EQ(0, owner_suffer(&owner));
		event_clear(self->request);
		child = power_off(&owner, self->slot);
		ASSERT_LT(0, child);
		ASSERT_EQ(0, event_wait(self->request, PATIENCE_MS));
		EXPECT_EQ(0, waitpid(child, &status, WNOHANG));
		owner_close(&owner);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(0, status) {
			TH_LOG("round %d", i);
		}
		EXPECT_EQ(0, pci_wait_present(self->address, false, 0));
		ASSERT_EQ(0, pci_slot_power(self->slot, true));
		ASSERT_EQ(0, pci_wait_present(self->address, true, PATIENCE_MS));
		EXPECT_RECOVERY(self->address, variant->mode);
	}
}

/*
 * The platform takes a function away without asking, and gives it back. The owner of an
 * open function has to close it first. Validates 88, 91.
 */
TEST_F_TIMEOUT(slot, taken_away_and_given_back, 120)
{
	unsigned long handle, id;
	struct owner owner;
	int i;

	if (!inject_load())
		SKIP(return, "there is no zpci_inject");
	for (i = 0; i < 4; i++) {
		/*
		 * In C the thread that reports the event waits for the owner, which is
		 * this process: so a child reports the event.
		 */
		if (i % 2 && is_c_version())
			continue;
		ASSERT_EQ(0, pci_read_attr(self->address, "function_handle", &handle));
		ASSERT_EQ(0, pci_read_attr(self->address, "function_id", &id));
		if (i % 2)
			open_and_listen(_metadata, &owner, self->address, variant->mode,
					self->request);
		ASSERT_EQ(0, inject_availability(handle, id, PEC_DECONFIGURED, true));
		if (i % 2) {
			ASSERT_EQ(0, event_wait(self->request, PATIENCE_MS));
			owner_close(&owner);
		}
		ASSERT_EQ(0, pci_wait_present(self->address, false, PATIENCE_MS));
		handle = disabled_handle(handle, id);
		ASSERT_EQ(0, inject_availability(handle, id, PEC_CONFIGURED, false));
		ASSERT_EQ(0, pci_wait_present(self->address, true, PATIENCE_MS));
		EXPECT_RECOVERY(self->address, variant->mode);
	}
}

/*
 * The platform asks for a function during a reset, by an event with the function's
 * handle at that moment. The function works until its owner closes it. Validates 88.
 */
TEST_F_TIMEOUT(slot, asked_for_with_an_old_handle, 120)
{
	unsigned long handle, id;
	struct owner owner;

	if (!inject_load())
		SKIP(return, "there is no zpci_inject");
	if (is_c_version())
		SKIP(return, "the thread that reports it waits for the owner: for itself");
	ASSERT_EQ(0, pci_read_attr(self->address, "function_handle", &handle));
	ASSERT_EQ(0, pci_read_attr(self->address, "function_id", &id));
	open_and_listen(_metadata, &owner, self->address, variant->mode, self->request);
	ASSERT_EQ(0, inject_availability(handle, id, PEC_DECONFIGURE_REQUEST, false));
	ASSERT_EQ(0, event_wait(self->request, PATIENCE_MS));
	EXPECT_TRUE(pci_answers(self->address));
	EXPECT_EQ(0, nvme_verify(&owner.nvme, TEST_BLOCK));
	owner_close(&owner);
	ASSERT_EQ(0, pci_wait_present(self->address, false, PATIENCE_MS));
	ASSERT_EQ(0, pci_slot_power(self->slot, true));
	ASSERT_EQ(0, pci_wait_present(self->address, true, PATIENCE_MS));
	EXPECT_RECOVERY(self->address, variant->mode);
}

/* An event with an unknown code, or with news that the kernel already has, changes nothing. */
TEST_F(slot, events_without_consequence)
{
	static const __u16 codes[] = {
		PEC_CONFIGURED, PEC_STANDBY, 0x0000, 0x0300, 0x0305, PEC_SEVERAL, 0x0307, 0xffff
	};
	static const __u16 unknown[] = {
		PEC_STANDBY + 1, PEC_DECONFIGURED, PEC_RESERVED, 0x0305, PEC_SEVERAL, 0xffff
	};
	unsigned long handle, id;
	struct owner owner;
	size_t i;

	if (!inject_load())
		SKIP(return, "there is no zpci_inject");
	open_and_listen(_metadata, &owner, self->address, variant->mode, self->request);
	ASSERT_EQ(0, pci_read_attr(self->address, "function_handle", &handle));
	ASSERT_EQ(0, pci_read_attr(self->address, "function_id", &id));
	for (i = 0; i < ARRAY_SIZE(codes); i++)
		ASSERT_EQ(0, inject_availability(handle, id, codes[i], true));
	for (i = 0; i < ARRAY_SIZE(unknown); i++)
		ASSERT_EQ(0, inject_availability(0x80000000, 0xdead, unknown[i], true));
	EXPECT_EQ(-ETIMEDOUT, event_wait(self->request, QUIET_MS));
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner.error_event, 0));
	EXPECT_EQ(0, nvme_verify(&owner.nvme, TEST_BLOCK));
	owner_close(&owner);
	EXPECT_RECOVERY(self->address, variant->mode);
}

TEST_HARNESS_MAIN
