// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that the platform takes away, asks for, gives to another system and gives
 * back while they are in use. Real channel reports announce the events, and the
 * function is really gone.
 */
#include <pthread.h>

#include "kselftest_harness.h"

#include "module.h"
#include "rough.h"

#define QUIET_MS	300

/* The time in which a reset must fail whose function is taken away. */
#define GIVE_UP_MS	12000

FIXTURE(taken) {
	struct rough rough;
	char slot[16];
	int request;
};

FIXTURE_VARIANT(taken) {
	/* Whether the event has the function's handle from before it was taken away. */
	bool old_handle;
};

FIXTURE_VARIANT_ADD(taken, new_handle) {
	.old_handle = false,
};

FIXTURE_VARIANT_ADD(taken, old_handle) {
	.old_handle = true,
};

FIXTURE_SETUP(taken)
{
	ROUGH_START();
	self->request = event_new();
	ASSERT_LE(0, self->request);
	ASSERT_EQ(0, vfio_irq_set(&self->rough.owner.fn, VFIO_PCI_REQ_IRQ_INDEX,
				  &self->request, 1));
	ASSERT_EQ(0, pci_slot(self->rough.address, self->slot, sizeof(self->slot)));
}

FIXTURE_TEARDOWN(taken)
{
	close(self->request);
	ROUGH_END();
	/* Switches the power on in case a failed test has left it off. */
	pci_slot_power(self->slot, true);
	pci_wait_present(self->rough.address, true, PATIENCE_MS);
}

/* Raises an availability event; the platform changes the function's state accordingly. */
static int announce(struct rough *rough, __u16 pec)
{
	return platform_command("event pec=0x%x fid=%lu", pec, rough->fid);
}

static int take_away(struct rough *rough, bool old_handle)
{
	long handle = platform_number("handle fid=%lu", rough->fid);

	if (!old_handle)
		return announce(rough, PEC_DECONFIGURED);
	return platform_command("event pec=0x%x fid=%lu fh=%ld", PEC_DECONFIGURED, rough->fid,
				handle);
}

#define TAKE_AWAY()	ASSERT_EQ(0, take_away(&self->rough, variant->old_handle))
#define WAIT_GONE()							\
	ASSERT_EQ(0, pci_wait_present(self->rough.address, false, PATIENCE_MS))
#define WAIT_THERE()							\
	ASSERT_EQ(0, pci_wait_present(self->rough.address, true, PATIENCE_MS))

/*
 * The owner of a function that is taken away is asked to close it, and can read its
 * events until then. Validates R18.
 */
TEST_F_TIMEOUT(taken, while_open, 90)
{
	struct owner *owner = &self->rough.owner;
	struct vfio_device_zpci_err_region event;
	long before = platform_number("handle fid=%lu", self->rough.fid);
	__u64 start;

	ASSERT_EQ(0, owner_suffer(owner));
	TAKE_AWAY();
	ASSERT_EQ(0, event_wait(self->request, PATIENCE_MS));
	EXPECT_EVENT(owner, &event, 1);
	start = now_ns();
	EXPECT_NE(0, vfio_reset(&owner->fn));
	EXPECT_GT(GIVE_UP_MS, (now_ns() - start) / 1000000);
	EXPECT_EQ(0, pci_wait_present(self->rough.address, true, 0));
	owner_close(owner);
	WAIT_GONE();

	ASSERT_EQ(0, announce(&self->rough, PEC_CONFIGURED));
	WAIT_THERE();
	EXPECT_NE(before, platform_number("handle fid=%lu", self->rough.fid));
	EXPECT_NEXT_OWNER();
}

/* A function that is not open is taken away and given back, again and again. Validates R18. */
TEST_F_TIMEOUT(taken, while_closed, 90)
{
	int i;

	owner_close(&self->rough.owner);
	for (i = 0; i < 5; i++) {
		TAKE_AWAY();
		WAIT_GONE();
		/* The slot is off already. */
		EXPECT_EQ(-EIO, pci_slot_power(self->slot, false));
		ASSERT_EQ(0, announce(&self->rough, PEC_CONFIGURED));
		WAIT_THERE();
		/*
		 * The kernel's NVMe driver would wait a minute for its first commands
		 * if its function goes while they run.
		 */
		ASSERT_EQ(0, pci_bind_new(self->rough.address, "vfio-pci", PATIENCE_MS));
	}
	EXPECT_NEXT_OWNER();
}

/* The kernel's own driver loses the function, and gets it back. Validates R18. */
TEST_F_TIMEOUT(taken, from_the_kernels_driver, 90)
{
	const char *address = self->rough.address;
	char path[64];

	if (module_load("nvme"))
		SKIP(return, "the kernel has no driver for NVMe");
	owner_close(&self->rough.owner);
	ASSERT_EQ(0, pci_bind(address, "nvme"));
	ASSERT_EQ(0, pci_wait_disk(address, path, sizeof(path), PATIENCE_MS));
	TAKE_AWAY();
	WAIT_GONE();
	ASSERT_EQ(0, announce(&self->rough, PEC_CONFIGURED));
	WAIT_THERE();
	ASSERT_EQ(0, pci_wait_disk(address, path, sizeof(path), PATIENCE_MS));
	EXPECT_EQ(0, disk_verify(path, TEST_BLOCK));
	ASSERT_EQ(0, pci_bind(address, "vfio-pci"));
	EXPECT_NEXT_OWNER();
}

static void *reset_in_thread(void *fn)
{
	return (void *)(long)vfio_reset(fn);
}

/* Starts a reset during which the platform is busy for about a second. */
static void begin_reset(struct __test_metadata *_metadata, struct rough *rough,
			pthread_t *thread)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	long before;

	ASSERT_EQ(0, owner_suffer(&rough->owner));
	before = platform_number("count disable fid=%lu", rough->fid);
	ASSERT_EQ(0, platform_command("answer disable fid=%lu rsp=0x108 times=50", rough->fid));
	ASSERT_EQ(0, pthread_create(thread, NULL, reset_in_thread, &rough->owner.fn));
	while (platform_number("count disable fid=%lu", rough->fid) < before + 2)
		ASSERT_TRUE(wait_on(deadline));
}

/*
 * The platform asks for the function during a reset. The event has the present handle
 * or an older one: in both cases the function works until its owner closes it.
 * Validates R19.
 */
TEST_F_TIMEOUT(taken, asked_for_in_a_reset, 90)
{
	struct owner *owner = &self->rough.owner;
	long handle = platform_number("handle fid=%lu", self->rough.fid);
	pthread_t thread;
	void *ret;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, owner_recover(owner));
	begin_reset(_metadata, &self->rough, &thread);
	if (!variant->old_handle)
		handle = platform_number("handle fid=%lu", self->rough.fid);
	ASSERT_EQ(0, platform_command("event pec=0x%x fid=%lu fh=%ld", PEC_DECONFIGURE_REQUEST,
				      self->rough.fid, handle));
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(0, (long)ret);
	ASSERT_EQ(0, event_wait(self->request, PATIENCE_MS));
	EXPECT_RESTORED();
	owner_close(owner);
	WAIT_GONE();
	ASSERT_EQ(0, pci_slot_power(self->slot, true));
	WAIT_THERE();
	EXPECT_NEXT_OWNER();
}

/* The function is taken away during a reset, which then fails soon. Validates R19. */
TEST_F_TIMEOUT(taken, in_a_reset, 90)
{
	struct owner *owner = &self->rough.owner;
	pthread_t thread;
	__u64 start;
	void *ret;

	begin_reset(_metadata, &self->rough, &thread);
	start = now_ns();
	TAKE_AWAY();
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_GT(GIVE_UP_MS, (now_ns() - start) / 1000000);
	EXPECT_NE(0, (long)ret);
	ASSERT_EQ(0, event_wait(self->request, PATIENCE_MS));
	EXPECT_NE(0, vfio_reset(&owner->fn));
	owner_close(owner);
	WAIT_GONE();
	ASSERT_EQ(0, platform_command("forget"));
	ASSERT_EQ(0, announce(&self->rough, PEC_CONFIGURED));
	WAIT_THERE();
	EXPECT_NEXT_OWNER();
}

/*
 * The function is taken away during an FLR, and does not answer any more. The call does not wait
 * a minute for it. Validates R19.
 */
TEST_F_TIMEOUT(taken, in_an_flr, 90)
{
	struct owner *owner = &self->rough.owner;
	pthread_t thread;
	__u64 start;

	ASSERT_EQ(0, pthread_create(&thread, NULL, reset_in_thread, &owner->fn));
	sleep_ms(50);
	start = now_ns();
	TAKE_AWAY();
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_GT(GIVE_UP_MS, (now_ns() - start) / 1000000);
	ASSERT_EQ(0, event_wait(self->request, PATIENCE_MS));
	owner_close(owner);
	WAIT_GONE();
	ASSERT_EQ(0, announce(&self->rough, PEC_CONFIGURED));
	WAIT_THERE();
	EXPECT_NEXT_OWNER();
}

/*
 * The platform gives the function back before its owner has closed it: the function
 * goes, and then comes. Validates R18.
 */
TEST_F_TIMEOUT(taken, given_back_while_open, 90)
{
	struct owner *owner = &self->rough.owner;

	TAKE_AWAY();
	ASSERT_EQ(0, event_wait(self->request, PATIENCE_MS));
	ASSERT_EQ(0, announce(&self->rough, PEC_CONFIGURED));
	sleep_ms(QUIET_MS);
	EXPECT_NE(0, vfio_reset(&owner->fn));
	owner_close(owner);
	EXPECT_NEXT_OWNER();
}

/*
 * The platform takes the function away twice before its owner has closed it, and gives
 * it back each time. The kernel enables the function with the newest handle at the
 * first of the waiting events, so the next event that takes it away is older than that
 * handle. Validates R18.
 */
TEST_F_TIMEOUT(taken, given_back_twice_while_open, 90)
{
	struct rough *rough = &self->rough;
	long before = platform_number("count enable fid=%lu", rough->fid);
	__u64 deadline;
	int i;

	for (i = 0; i < 2; i++) {
		TAKE_AWAY();
		sleep_ms(QUIET_MS);
		ASSERT_EQ(0, announce(rough, PEC_CONFIGURED));
		sleep_ms(QUIET_MS);
	}
	ASSERT_EQ(0, event_wait(self->request, PATIENCE_MS));
	owner_close(&rough->owner);
	deadline = deadline_in(PATIENCE_MS);
	while (platform_number("count enable fid=%lu", rough->fid) < before + 2)
		ASSERT_TRUE(wait_on(deadline));
	WAIT_THERE();
	EXPECT_NEXT_OWNER();
}

/*
 * Another system gets the function, so that the kernel forgets it. It is then given
 * back in standby, or configured. Validates R20.
 */
static void expect_reserved(struct __test_metadata *_metadata, struct rough *rough,
			    const char *slot, __u16 back)
{
	ASSERT_EQ(0, pci_wait_present(rough->address, false, PATIENCE_MS));
	ASSERT_EQ(0, announce(rough, PEC_RESERVED));
	ASSERT_EQ(0, pci_wait_slot(slot, false, PATIENCE_MS));
	ASSERT_EQ(0, announce(rough, back));
	ASSERT_EQ(0, pci_wait_slot(slot, true, PATIENCE_MS));
	if (back == PEC_STANDBY) {
		EXPECT_EQ(-ETIMEDOUT, pci_wait_present(rough->address, true, QUIET_MS));
		ASSERT_EQ(0, pci_slot_power(slot, true));
	}
	ASSERT_EQ(0, pci_wait_present(rough->address, true, PATIENCE_MS));
}

TEST_F_TIMEOUT(taken, reserved_meanwhile, 90)
{
	struct owner *owner = &self->rough.owner;

	TAKE_AWAY();
	ASSERT_EQ(0, event_wait(self->request, PATIENCE_MS));
	owner_close(owner);
	expect_reserved(_metadata, &self->rough, self->slot, PEC_STANDBY);
	EXPECT_NEXT_OWNER();
	TAKE_AWAY();
	owner_close(owner);
	expect_reserved(_metadata, &self->rough, self->slot, PEC_CONFIGURED);
	EXPECT_NEXT_OWNER();
}

/*
 * The function is already reserved when its owner closes it, without an event about
 * that. Validates R20.
 */
TEST_F_TIMEOUT(taken, reserved_before_it_is_closed, 90)
{
	struct owner *owner = &self->rough.owner;

	TAKE_AWAY();
	ASSERT_EQ(0, event_wait(self->request, PATIENCE_MS));
	ASSERT_EQ(0, platform_command("availability fid=%lu reserved", self->rough.fid));
	owner_close(owner);
	WAIT_GONE();
	ASSERT_EQ(0, pci_wait_slot(self->slot, false, PATIENCE_MS));
	ASSERT_EQ(0, announce(&self->rough, PEC_CONFIGURED));
	WAIT_THERE();
	EXPECT_NEXT_OWNER();
}

/*
 * The platform asks for a function that the kernel has forgotten. The kernel gives the
 * function back, and does not use it. Validates R20.
 */
TEST_F_TIMEOUT(taken, asked_for_when_reserved, 90)
{
	struct rough *rough = &self->rough;

	TAKE_AWAY();
	owner_close(&rough->owner);
	WAIT_GONE();
	ASSERT_EQ(0, announce(rough, PEC_RESERVED));
	ASSERT_EQ(0, pci_wait_slot(self->slot, false, PATIENCE_MS));
	ASSERT_EQ(0, platform_command("availability fid=%lu configured", rough->fid));
	ASSERT_EQ(0, announce(rough, PEC_DECONFIGURE_REQUEST));
	ASSERT_EQ(0, pci_wait_slot(self->slot, true, PATIENCE_MS));
	EXPECT_EQ(-ETIMEDOUT, pci_wait_present(rough->address, true, QUIET_MS));
	ASSERT_EQ(0, announce(rough, PEC_CONFIGURED));
	WAIT_THERE();
	EXPECT_NEXT_OWNER();
}

/* Checks attributes of the adapter that the kernel has got from the platform. */
static void expect_adapter(struct __test_metadata *_metadata, struct rough *rough,
			   unsigned long pchid, unsigned long port)
{
	unsigned long value = 0;

	EXPECT_EQ(0, pci_read_attr(rough->address, "pchid", &value));
	EXPECT_EQ(pchid, value);
	EXPECT_EQ(0, pci_read_attr(rough->address, "port", &value));
	EXPECT_EQ(port, value);
}

/*
 * Another adapter comes with the same function ID: the kernel has asked for all
 * attributes again, also if the kernel never saw the ID unused. Validates R21.
 */
TEST_F_TIMEOUT(taken, becomes_another_adapter, 90)
{
	struct owner *owner = &self->rough.owner;

	owner_close(owner);
	TAKE_AWAY();
	WAIT_GONE();
	ASSERT_EQ(0, platform_command("identity fid=%lu pchid=0x1234 port=1", self->rough.fid));
	ASSERT_EQ(0, announce(&self->rough, PEC_CONFIGURED));
	WAIT_THERE();
	expect_adapter(_metadata, &self->rough, 0x1234, 1);
	EXPECT_NEXT_OWNER();
	owner_close(owner);
	TAKE_AWAY();
	WAIT_GONE();
	ASSERT_EQ(0, platform_command("identity fid=%lu pchid=0x4321 port=2", self->rough.fid));
	expect_reserved(_metadata, &self->rough, self->slot, PEC_STANDBY);
	expect_adapter(_metadata, &self->rough, 0x4321, 2);
	EXPECT_NEXT_OWNER();
	owner_close(owner);
	TAKE_AWAY();
	WAIT_GONE();
	ASSERT_EQ(0, platform_command("identity fid=%lu", self->rough.fid));
	ASSERT_EQ(0, announce(&self->rough, PEC_CONFIGURED));
	WAIT_THERE();
}

TEST_HARNESS_MAIN
