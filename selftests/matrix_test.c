// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each operation on a function, in each state of the function and with each kind of
 * owner: checks the result and the duration. Afterwards the channel state is normal,
 * and the next owner can open and recover the function. Validates 101.
 */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "child.h"
#include "file.h"
#include "fixture.h"
#include "host.h"
#include "inject.h"
#include "platform.h"
#include "raw_nvme.h"
#include "recovery.h"

/* The function that is plugged: its UID is its PCI domain. */
#define HOT_UID		64
#define HOT_ADDRESS	"0040:00:00.0"
#define HOT_SLOT	"00000040"

/*
 * The number of times per hour that the host recovers the function of an owner that
 * does not listen.
 */
#define RECOVERIES	5

/* The bit of a function handle that says that the function is enabled. */
#define ENABLED		0x80000000U

/*
 * The most time for a close while the function is being taken away: the kernel does not
 * repair the function then. A close takes some milliseconds, 170 on a busy machine. One
 * that repairs takes 3.7 s.
 */
#define CLOSE_MS	1000
/* The most time for any other operation, also for the emulator to plug a function. */
#define ACT_MS		times(2000, 20000)

/* The time in which the test would notice a worker of zPCI that waits for an owner. */
#define WATCH_MS	100

enum state { healthy, in_error, lost };
enum holder { unbound, closed, silent, listening };

/* The function that a test works on. */
struct subject {
	char address[PCI_ADDRESS_LEN];
	char slot[16];
	struct owner owner;
	__u64 unmapped;
	unsigned long handle, id;
	int request;
	__u64 name;
};

/* The state and the owner of the function before the operation. */
struct cell {
	enum state state;
	enum holder holder;
};

FIXTURE(function) {
	struct subject subject;
};

FIXTURE_VARIANT(function) {
	struct cell cell;
};

FIXTURE_VARIANT_ADD(function, healthy_unbound) { .cell = { healthy, unbound } };
FIXTURE_VARIANT_ADD(function, healthy_closed) { .cell = { healthy, closed } };
FIXTURE_VARIANT_ADD(function, healthy_silent) { .cell = { healthy, silent } };
FIXTURE_VARIANT_ADD(function, healthy_listening) { .cell = { healthy, listening } };
FIXTURE_VARIANT_ADD(function, in_error_unbound) { .cell = { in_error, unbound } };
FIXTURE_VARIANT_ADD(function, in_error_closed) { .cell = { in_error, closed } };
FIXTURE_VARIANT_ADD(function, in_error_silent) { .cell = { in_error, silent } };
FIXTURE_VARIANT_ADD(function, in_error_listening) { .cell = { in_error, listening } };
FIXTURE_VARIANT_ADD(function, lost_unbound) { .cell = { lost, unbound } };
FIXTURE_VARIANT_ADD(function, lost_closed) { .cell = { lost, closed } };
FIXTURE_VARIANT_ADD(function, lost_silent) { .cell = { lost, silent } };
FIXTURE_VARIANT_ADD(function, lost_listening) { .cell = { lost, listening } };

FIXTURE_SETUP(function)
{
	struct subject *subject = &self->subject;

	subject->owner.error_event = -1;
	subject->request = event_new();
	ASSERT_LE(0, subject->request);
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, subject->address));
	if (!inject_load())
		SKIP(return, "the module zpci_inject is not there");
}

FIXTURE_TEARDOWN(function)
{
	struct subject *subject = &self->subject;

	owner_close(&subject->owner);
	close(subject->request);
	pci_slot_power(subject->slot, true);
	pci_wait_present(subject->address, true, PATIENCE_MS);
	pci_write_attr(subject->address, "power/control", "auto");
	if (subject->name) {
		host_unplug(subject->name);
		EXPECT_EQ(0, pci_wait_slot(HOT_SLOT, false, PATIENCE_MS));
	}
}

/* The C version does not show the state of a channel. */
static int wait_channel(const char *address, const char *channel, int timeout_ms)
{
	return is_c_version() ? 0 : recovery_wait_channel(address, channel, timeout_ms);
}

static bool is_open(const struct cell *cell)
{
	return cell->holder >= silent;
}

/* Gives the function the kind of owner of this variant, or none. */
static void be_held(struct __test_metadata *_metadata, struct subject *subject,
		    const struct cell *cell)
{
	struct owner *owner = &subject->owner;

	ASSERT_EQ(0, pci_slot(subject->address, subject->slot, sizeof(subject->slot)));
	ASSERT_EQ(0, owner_open_new(owner, subject->address, VFIO_CDEV_IOMMUFD));
	subject->unmapped = owner->unmapped;
	switch (cell->holder) {
	case unbound:
		owner_close(owner);
		ASSERT_EQ(0, pci_unbind(subject->address));
		break;
	case closed:
		owner_close(owner);
		break;
	case listening:
		ASSERT_EQ(0, owner_listen(owner));
		/*
		 * A listening owner registers the eventfd for the kernel's request to
		 * close, like a silent one.
		 */
	case silent:
		ASSERT_EQ(0, vfio_irq_set(&owner->fn, VFIO_PCI_REQ_IRQ_INDEX, &subject->request,
					  1));
		break;
	}
}

/* Provokes a real error of an open function, and waits until the event is captured. */
static void suffer(struct __test_metadata *_metadata, struct owner *owner, int number)
{
	ASSERT_EQ(0, nvme_provoke_error(&owner->nvme, owner->unmapped));
	if (is_c_version())
		sleep_ms(WATCH_MS);
	else
		ASSERT_EQ(0, recovery_wait_captured(owner->fn.address, number, PATIENCE_MS));
}

/* Brings the function into the state of this variant, and waits for its channel state. */
static void get_into_state(struct __test_metadata *_metadata, struct subject *subject,
			   const struct cell *cell)
{
	const char *channel = CHANNEL_NORMAL;
	int i;

	switch (cell->state) {
	case healthy:
		break;
	case in_error:
		if (!is_open(cell)) {
			ASSERT_EQ(0, raw_nvme_provoke_error(subject->address, subject->unmapped));
			/*
			 * A function without a driver is given up; the host recovers a
			 * function that is not open.
			 */
			if (cell->holder == unbound)
				channel = CHANNEL_FAILED;
			if (cell->holder != unbound || is_c_version())
				sleep_ms(WATCH_MS);
			break;
		}
		channel = CHANNEL_FROZEN;
		/*
		 * In Rust the host recovers the function of a silent owner five times.
		 * The C version leaves the first error to its owner.
		 */
		for (i = 1; i <= (cell->holder == silent && !is_c_version() ? RECOVERIES + 1 : 1);
		     i++)
			suffer(_metadata, &subject->owner, i);
		break;
	case lost:
		ASSERT_EQ(0, inject_error(subject->address, PEC_LOST));
		channel = CHANNEL_FAILED;
		break;
	}
	EXPECT_EQ(0, wait_channel(subject->address, channel, PATIENCE_MS));
	ASSERT_EQ(0, pci_read_attr(subject->address, "function_handle", &subject->handle));
	ASSERT_EQ(0, pci_read_attr(subject->address, "function_id", &subject->id));
}

/* Whether a worker of zPCI waits for something that cannot be interrupted (state D). */
static bool worker_is_stuck(void)
{
	char path[300], line[512], *state;
	struct dirent *entry;
	bool stuck = false;
	DIR *dir = opendir("/proc");
	FILE *file;

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		file = entry->d_name[0] > '0' && entry->d_name[0] <= '9' ?
		       fopen(path, "re") : NULL;
		if (!file)
			continue;
		if (fgets(line, sizeof(line), file) && strstr(line, "kworker") &&
		    strstr(line, "zpci")) {
			state = strrchr(line, ')');
			stuck |= state && state[2] == 'D';
		}
		fclose(file);
	}
	closedir(dir);
	return stuck;
}

/* A worker may wait for the platform in a few of the looks, but not in most of them. */
static void expect_nobody_stuck(struct __test_metadata *_metadata, int ms)
{
	__u64 deadline = deadline_in(ms);
	int seen = 0, stuck = 0;

	do {
		stuck += worker_is_stuck();
		seen++;
	} while (wait_on(deadline));
	EXPECT_GT(seen, 2 * stuck) {
		TH_LOG("a worker waits in %d of %d looks", stuck, seen);
	}
}

/* The operations of the test. After do_reset() the owner still has the function. */
static int do_reset(const void *arg)
{
	const struct subject *subject = arg;

	return pci_write_attr(subject->address, "reset", "1");
}

static int do_remove(const void *arg)
{
	const struct subject *subject = arg;

	return pci_write_attr(subject->address, "remove", "1");
}

static int do_rescan(struct subject *subject)
{
	(void)subject;
	return file_write("/sys/bus/pci/rescan", "1");
}

static int do_power_off(const void *arg)
{
	const struct subject *subject = arg;

	return pci_slot_power(subject->slot, false);
}

static int do_power_on(struct subject *subject)
{
	return pci_slot_power(subject->slot, true);
}

static int do_unbind(const void *arg)
{
	const struct subject *subject = arg;
	char driver[32];

	return pci_driver(subject->address, driver, sizeof(driver)) ? 0 :
	       pci_unbind(subject->address);
}

static int do_bind(struct subject *subject)
{
	return pci_bind(subject->address, "vfio-pci");
}

static int do_unplug(const void *arg)
{
	const struct subject *subject = arg;

	host_unplug(subject->name);
	return 0;
}

static int do_plug(struct subject *subject)
{
	int ret = pci_wait_slot(HOT_SLOT, false, PATIENCE_MS);

	if (!ret)
		subject->name = host_plug_nvme(HOT_UID);
	return ret;
}

static int availability(const struct subject *subject, __u16 pec, __u32 handle)
{
	struct ccdf ccdf = { .fh = handle, .fid = subject->id, .pec = pec };

	return inject_ccdf(INJECT_AVAILABILITY, &ccdf);
}

static int do_ask(const void *arg)
{
	const struct subject *subject = arg;

	return availability(subject, PEC_DECONFIGURE_REQUEST, subject->handle);
}

static int do_take(const void *arg)
{
	const struct subject *subject = arg;

	return availability(subject, PEC_DECONFIGURED, subject->handle);
}

static int do_give(struct subject *subject)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	long handle = subject->handle & ~ENABLED;

	/* The emulator may give another handle after each disable. */
	while (platform_there() && wait_on(deadline)) {
		handle = platform_number("handle fid=%lu", subject->id);
		if (!(handle & ENABLED))
			break;
	}
	return availability(subject, PEC_CONFIGURED, handle);
}

/* An operation that takes a function away, and the one that gives it back. */
struct act {
	int (*begin)(const void *subject);
	int (*end)(struct subject *subject);
	/* Unplugs the device, not only its driver. */
	bool goes;
};

/* The owner closes the function as soon as the kernel asks for it. */
static void let_go(struct __test_metadata *_metadata, struct subject *subject,
		   const struct cell *cell, __u64 *start)
{
	*start = now_ns();
	if (!is_open(cell))
		return;
	ASSERT_EQ(0, event_wait(subject->request, PATIENCE_MS));
	expect_nobody_stuck(_metadata, WATCH_MS);
	EXPECT_EQ(0, pci_wait_present(subject->address, true, 0));
	/* Stops the controller before the measurement: only the close is measured. */
	nvme_stop(&subject->owner.nvme);
	*start = now_ns();
	vfio_close(&subject->owner.fn);
	EXPECT_GT(CLOSE_MS, (now_ns() - *start) / 1000000);
	owner_close(&subject->owner);
}

static void expect_usable(struct __test_metadata *_metadata, struct subject *subject)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &subject->owner;
	__u8 block[BLOCK_SIZE];

	ASSERT_EQ(0, owner_open_new(owner, subject->address, VFIO_CDEV_IOMMUFD));
	EXPECT_EQ(0, wait_channel(subject->address, CHANNEL_NORMAL, 0));
	EXPECT_EQ(0, nvme_read(&owner->nvme, TEST_BLOCK, block));
	ASSERT_EQ(0, owner_listen(owner));
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, 0));
	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EVENT(owner, &event, 1);
	EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT, event.flags);
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, wait_channel(subject->address, CHANNEL_NORMAL, 0));
	EXPECT_EQ(0, nvme_read(&owner->nvme, TEST_BLOCK, block));
	owner_close(owner);
}

static void take_and_give_back(struct __test_metadata *_metadata, struct subject *subject,
			       const struct cell *cell, const struct act *act)
{
	__u64 start;
	pid_t child;

	be_held(_metadata, subject, cell);
	get_into_state(_metadata, subject, cell);
	child = child_start(&subject->owner.fn, act->begin, subject, false);
	ASSERT_LT(0, child);
	let_go(_metadata, subject, cell, &start);
	EXPECT_EQ(0, child_wait(child));
	if (act->goes)
		ASSERT_EQ(0, pci_wait_present(subject->address, false, PATIENCE_MS));
	EXPECT_GT(ACT_MS, (now_ns() - start) / 1000000);

	start = now_ns();
	ASSERT_EQ(0, act->end(subject));
	ASSERT_EQ(0, pci_wait_present(subject->address, true, PATIENCE_MS));
	EXPECT_GT(ACT_MS, (now_ns() - start) / 1000000);
	/* A function that stays, and had no owner, is reset by the next open. Others work now. */
	if (act->goes || is_open(cell))
		EXPECT_EQ(0, wait_channel(subject->address, CHANNEL_NORMAL, PATIENCE_MS));
	expect_usable(_metadata, subject);
}

#define TAKE_AND_GIVE_BACK(...)					\
	take_and_give_back(_metadata, &self->subject, &variant->cell,	\
			   &(const struct act) { __VA_ARGS__ })

TEST_F_TIMEOUT(function, remove_and_rescan, 60)
{
	TAKE_AND_GIVE_BACK(do_remove, do_rescan, true);
}

TEST_F_TIMEOUT(function, power_off_and_on, 60)
{
	TAKE_AND_GIVE_BACK(do_power_off, do_power_on, true);
}

TEST_F_TIMEOUT(function, unbind_and_bind, 60)
{
	TAKE_AND_GIVE_BACK(do_unbind, do_bind, false);
}

TEST_F_TIMEOUT(function, asked_for, 60)
{
	TAKE_AND_GIVE_BACK(do_ask, do_power_on, true);
}

TEST_F_TIMEOUT(function, taken_and_given, 60)
{
	TAKE_AND_GIVE_BACK(do_take, do_give, true);
}

TEST_F_TIMEOUT(function, unplug_and_plug, 60)
{
	struct subject *subject = &self->subject;

	subject->name = host_plug_nvme(HOT_UID);
	if (pci_wait_present(HOT_ADDRESS, true, PATIENCE_MS)) {
		subject->name = 0;
		SKIP(return, "nobody plugs functions for this machine");
	}
	memcpy(subject->address, HOT_ADDRESS, sizeof(HOT_ADDRESS));
	TAKE_AND_GIVE_BACK(do_unplug, do_plug, true);
}

/* An open function is recovered by its owner's reset, any other one by the next open. */
TEST_F_TIMEOUT(function, recover, 60)
{
	struct subject *subject = &self->subject;
	struct owner *owner = &subject->owner;
	__u64 start;

	be_held(_metadata, subject, &variant->cell);
	get_into_state(_metadata, subject, &variant->cell);
	start = now_ns();
	ASSERT_EQ(0, is_open(&variant->cell) ? vfio_reset(&owner->fn) :
		     owner_open_new(owner, subject->address, VFIO_CDEV_IOMMUFD));
	EXPECT_GT(ACT_MS, (now_ns() - start) / 1000000);
	EXPECT_EQ(0, wait_channel(subject->address, CHANNEL_NORMAL, 0));
	EXPECT_EQ(0, nvme_reinit(&owner->nvme));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	owner_close(owner);
	expect_usable(_metadata, subject);
}

/* An administrator resets the function. Afterwards its owner can reset it once more. */
TEST_F_TIMEOUT(function, reset, 60)
{
	struct subject *subject = &self->subject;
	struct owner *owner = &subject->owner;
	__u64 start;

	be_held(_metadata, subject, &variant->cell);
	get_into_state(_metadata, subject, &variant->cell);
	start = now_ns();
	EXPECT_EQ(0, do_reset(subject));
	EXPECT_GT(ACT_MS, (now_ns() - start) / 1000000);
	EXPECT_EQ(0, wait_channel(subject->address, CHANNEL_NORMAL, 0));
	EXPECT_TRUE(pci_answers(subject->address));
	if (is_open(&variant->cell)) {
		ASSERT_EQ(0, owner_recover(owner));
		EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
		owner_close(owner);
	}
	expect_usable(_metadata, subject);
}

/*
 * An owner that keeps the function open for a while, and an operation that waits for
 * the owner.
 */
FIXTURE(kept) {
	struct subject subject;
};

FIXTURE_VARIANT(kept) {
	int (*begin)(const void *self);
	bool goes;
};

FIXTURE_VARIANT_ADD(kept, unbound) {
	.begin = do_unbind,
};

FIXTURE_VARIANT_ADD(kept, removed) {
	.begin = do_remove,
	.goes = true,
};

FIXTURE_VARIANT_ADD(kept, switched_off) {
	.begin = do_power_off,
	.goes = true,
};

FIXTURE_VARIANT_ADD(kept, asked_for) {
	.begin = do_ask,
	.goes = true,
};

FIXTURE_VARIANT_ADD(kept, taken) {
	.begin = do_take,
	.goes = true,
};

FIXTURE_SETUP(kept)
{
	const struct cell owner = { .holder = listening };

	self->subject.owner.error_event = -1;
	self->subject.request = event_new();
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, self->subject.address));
	if (!inject_load())
		SKIP(return, "the module zpci_inject is not there");
	be_held(_metadata, &self->subject, &owner);
	get_into_state(_metadata, &self->subject, &owner);
}

FIXTURE_TEARDOWN(kept)
{
	owner_close(&self->subject.owner);
	close(self->subject.request);
	do_rescan(NULL);
	do_power_on(&self->subject);
	pci_wait_present(self->subject.address, true, PATIENCE_MS);
}

/* Whether a program outside plugs functions for this machine. */
static bool others_can_come(void)
{
	__u64 name = host_plug_nvme(HOT_UID);

	if (pci_wait_present(HOT_ADDRESS, true, PATIENCE_MS))
		return false;
	host_unplug(name);
	return !pci_wait_slot(HOT_SLOT, false, PATIENCE_MS);
}

/* Another function can be plugged, bound, opened and recovered. */
static void expect_others_come(struct __test_metadata *_metadata)
{
	struct subject other = { .address = HOT_ADDRESS };

	other.name = host_plug_nvme(HOT_UID);
	expect_nobody_stuck(_metadata, 10 * WATCH_MS);
	EXPECT_EQ(0, pci_wait_present(HOT_ADDRESS, true, PATIENCE_MS));
	expect_usable(_metadata, &other);
	host_unplug(other.name);
	EXPECT_EQ(0, pci_wait_slot(HOT_SLOT, false, PATIENCE_MS));
}

/*
 * An operation waits for the owner, and an event of the function comes meanwhile: no
 * worker waits, and another function can be plugged. Validates 102.
 */
TEST_F_TIMEOUT(kept, by_its_owner, 60)
{
	struct subject *subject = &self->subject;
	bool others = others_can_come();
	pid_t child;

	child = child_start(&subject->owner.fn, variant->begin, subject, false);
	ASSERT_LT(0, child);
	ASSERT_EQ(0, event_wait(subject->request, PATIENCE_MS));
	ASSERT_EQ(0, nvme_provoke_error(&subject->owner.nvme, subject->unmapped));
	expect_nobody_stuck(_metadata, 3 * WATCH_MS);
	if (others)
		expect_others_come(_metadata);
	EXPECT_EQ(0, pci_wait_present(subject->address, true, 0));
	owner_close(&subject->owner);
	EXPECT_EQ(0, child_wait(child));
	if (variant->goes)
		EXPECT_EQ(0, pci_wait_present(subject->address, false, PATIENCE_MS));
	if (variant->begin == do_take)
		EXPECT_EQ(0, do_give(subject));
	do_rescan(NULL);
	do_power_on(subject);
	ASSERT_EQ(0, pci_wait_present(subject->address, true, PATIENCE_MS));
	expect_usable(_metadata, subject);
}

TEST_HARNESS_MAIN
