// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events that the emulator does not raise: permanent failures, storms, odd codes and
 * stale handles. The injector hands them to the kernel.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"

#include "fixture.h"
#include "inject.h"
#include "kmsg.h"
#include "long.h"
#include "meminfo.h"

#define NO_INJECTOR	"there is no zpci_inject"

/* The number of transient events that fit into the queue. */
#define FITS		16

/* The time after which a forbidden effect would have shown itself. */
#define QUIET_MS	200

/* The time after which the kernel allows the full number of messages again. */
#define LOG_PAUSE_MS	5500

/*
 * Opens a function. Switches its slot off and on if an earlier test has left the
 * function in a state from which the kernel cannot recover it.
 */
static int open_anyhow(struct owner *owner, const char *address, enum vfio_mode mode)
{
	char slot[16];
	int ret;

	ret = pci_bind(address, "vfio-pci");
	if (!ret)
		ret = owner_open_at(owner, address, mode);
	if (!ret)
		return 0;
	ret = pci_slot(address, slot, sizeof(slot));
	if (!ret)
		ret = pci_slot_power(slot, false);
	if (!ret)
		ret = pci_slot_power(slot, true);
	if (!ret)
		ret = pci_wait_answers(address, PATIENCE_MS);
	if (!ret)
		ret = pci_bind(address, "vfio-pci");
	return ret ? ret : owner_open_at(owner, address, mode);
}

FIXTURE(inject) {
	struct owner owner;
};

FIXTURE_VARIANT(inject) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(inject, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(inject, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(inject)
{
	char address[PCI_ADDRESS_LEN];

	if (!inject_load())
		SKIP(return, NO_INJECTOR);
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, address));
	ASSERT_EQ(0, open_anyhow(&self->owner, address, variant->mode));
}

FIXTURE_TEARDOWN(inject)
{
	owner_close(&self->owner);
}

/* Waits until the owner has been woken this many times, and not more often. */
static int wait_wakes(struct owner *owner, __u64 wanted)
{
	__u64 deadline = deadline_in(PATIENCE_MS), count, sum = 0;

	while (sum < wanted) {
		if (read(owner->error_event, &count, sizeof(count)) == sizeof(count))
			sum += count;
		else if (!wait_on(deadline))
			return -ETIMEDOUT;
	}
	return sum == wanted ? 0 : -EOVERFLOW;
}

static void expect_taken(struct __test_metadata *_metadata, struct owner *owner, __u16 pec,
			 __u64 number)
{
	struct vfio_device_zpci_err_region event;

	ASSERT_EQ(0, owner_take(owner, &event));
	EXPECT_EQ(pec, event.pec);
	if (owner->region.size)
		EXPECT_EQ(number, event.sequence);
}

static void expect_none_taken(struct __test_metadata *_metadata, struct owner *owner)
{
	struct vfio_device_zpci_err_region event;

	EXPECT_EQ(-ENOMSG, owner_take(owner, &event));
}

#define EXPECT_TAKEN(owner, pec, number)	expect_taken(_metadata, owner, pec, number)
#define EXPECT_NONE_TAKEN(owner)		expect_none_taken(_metadata, owner)

/*
 * A measurement event is no error: it is not queued, wakes nobody, and the function
 * works on. A real error after it is event number 1. Validates 25.
 */
TEST_F(inject, measurement_events_are_no_errors)
{
	struct owner *owner = &self->owner;
	__u16 pec;

	ASSERT_EQ(0, owner_listen(owner));
	for (pec = PEC_MEASUREMENT; pec < PEC_MEASUREMENT + 3; pec++)
		ASSERT_EQ(0, inject_error(owner->fn.address, pec));
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, QUIET_MS));
	EXPECT_NONE_TAKEN(owner);
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	ASSERT_EQ(0, inject_error(owner->fn.address, PEC_ERROR_STATE));
	EXPECT_EQ(0, wait_wakes(owner, 1));
	EXPECT_TAKEN(owner, PEC_ERROR_STATE, 1);
	EXPECT_NONE_TAKEN(owner);
	EXPECT_EQ(0, owner_recover(owner));
}

/*
 * A permanent failure is queued and flagged, and wakes the owner. Once the platform has
 * repaired the function, a reset by the owner succeeds. Validates 44, 72.
 */
TEST_F(inject, permanent_failure_is_told_and_can_end)
{
	static const __u16 codes[] = { PEC_LOST, PEC_FAILED };
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	size_t i;

	ASSERT_EQ(0, owner_listen(owner));
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		ASSERT_EQ(0, inject_error(owner->fn.address, codes[i]));
		ASSERT_EQ(0, wait_wakes(owner, 1));
		ASSERT_EQ(0, owner_take(owner, &event));
		EXPECT_EQ(codes[i], event.pec);
		if (owner->region.size)
			EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT | VFIO_ZPCI_ERR_PERMANENT, event.flags);
		ASSERT_EQ(0, owner_recover(owner)) {
			TH_LOG("after event 0x%04x", codes[i]);
		}
		EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	}
	EXPECT_NONE_TAKEN(owner);

	/* The owner can recover from the next real error as usual. */
	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/* Takes and counts all events; @permanent returns the number of permanent failures. */
static int drain(struct owner *owner, struct vfio_device_zpci_err_region *last, int *permanent)
{
	struct vfio_device_zpci_err_region event;
	int taken = 0, ret;
	__u64 sequence = 0;

	*permanent = 0;
	while (!(ret = owner_take(owner, &event))) {
		if (owner->region.size && event.sequence <= sequence)
			return -EPROTO;
		sequence = event.sequence;
		*last = event;
		*permanent += event.pec == PEC_LOST || event.pec == PEC_FAILED;
		taken++;
	}
	return ret == -ENOMSG ? taken : ret;
}

/*
 * If the queue is full of transient events, a permanent failure takes the reserved
 * slot, and a second one takes the slot of the oldest transient event. Validates 5.
 */
TEST_F(inject, permanent_failure_finds_room)
{
	struct vfio_device_zpci_err_region last;
	struct owner *owner = &self->owner;
	int i, taken, permanent;

	ASSERT_EQ(0, owner_listen(owner));
	for (i = 0; i < FITS + 4; i++)
		ASSERT_EQ(0, inject_error(owner->fn.address, PEC_ERROR_STATE));
	ASSERT_EQ(0, inject_error(owner->fn.address, PEC_LOST));
	ASSERT_EQ(0, inject_error(owner->fn.address, PEC_FAILED));
	ASSERT_EQ(0, wait_wakes(owner, FITS + 6));
	taken = drain(owner, &last, &permanent);
	EXPECT_EQ(2, permanent);
	EXPECT_EQ(PEC_FAILED, last.pec);
	if (owner->region.size) {
		EXPECT_EQ(FITS + 1, taken);
		EXPECT_EQ(FITS + 6, taken + last.dropped);
		EXPECT_EQ(FITS + 6, last.sequence);
	}
	EXPECT_EQ(0, owner_recover(owner));
}

/*
 * More permanent failures come than fit into the queue: the later ones are dropped and
 * counted. Validates 4, 5.
 */
TEST_F(inject, too_many_permanent_failures_are_counted)
{
	struct vfio_device_zpci_err_region last;
	struct owner *owner = &self->owner;
	int i, taken, permanent;

	REQUIRE_REGION(owner);
	ASSERT_EQ(0, owner_listen(owner));
	for (i = 0; i < 2 * FITS; i++)
		ASSERT_EQ(0, inject_error(owner->fn.address, PEC_LOST));
	ASSERT_EQ(0, wait_wakes(owner, 2 * FITS));
	taken = drain(owner, &last, &permanent);
	EXPECT_EQ(FITS + 1, taken);
	EXPECT_EQ(taken, permanent);
	EXPECT_EQ(2 * FITS, taken + last.dropped);
	EXPECT_EQ(0, owner_recover(owner));
}

/*
 * A transient event after a permanent failure is queued behind it, and does not make
 * the function recoverable: only a reset does. Validates 45.
 */
TEST_F(inject, recoverable_event_behind_a_permanent_one)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, inject_error(owner->fn.address, PEC_LOST));
	ASSERT_EQ(0, inject_error(owner->fn.address, PEC_ERROR_STATE));
	ASSERT_EQ(0, wait_wakes(owner, 2));
	ASSERT_EQ(0, owner_take(owner, &event));
	EXPECT_EQ(PEC_LOST, event.pec);
	ASSERT_EQ(0, owner_take(owner, &event));
	EXPECT_EQ(PEC_ERROR_STATE, event.pec);
	EXPECT_FALSE(event.flags & (VFIO_ZPCI_ERR_HOST_RECOVERED | VFIO_ZPCI_ERR_UNATTENDED));
	EXPECT_NONE_TAKEN(owner);
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/*
 * A full queue keeps the oldest events, counts the dropped ones, and numbers all of
 * them. Validates 4.
 */
TEST_F(inject, full_queue_leaves_a_gap)
{
	struct vfio_device_zpci_err_region last;
	struct owner *owner = &self->owner;
	int i, taken, permanent;

	REQUIRE_REGION(owner);
	ASSERT_EQ(0, owner_listen(owner));
	for (i = 0; i < FITS + 5; i++)
		ASSERT_EQ(0, inject_error(owner->fn.address, PEC_ERROR_STATE));
	/* A dropped event still wakes the owner. */
	ASSERT_EQ(0, wait_wakes(owner, FITS + 5));
	taken = drain(owner, &last, &permanent);
	EXPECT_EQ(FITS, taken);
	EXPECT_EQ(FITS, last.sequence);
	EXPECT_EQ(5, last.dropped);
	ASSERT_EQ(0, inject_error(owner->fn.address, PEC_ERROR_STATE));
	ASSERT_EQ(0, wait_wakes(owner, 1));
	ASSERT_EQ(0, owner_take(owner, &last));
	EXPECT_EQ(FITS + 6, last.sequence);
	EXPECT_EQ(5, last.dropped);
	EXPECT_EQ(0, owner_recover(owner));
}

/*
 * Nobody reads the events of a storm: each event is kept or counted as dropped, the
 * kernel needs no more memory, and the function works afterwards. Validates 24.
 */
TEST_F_TIMEOUT(inject, storm, 240)
{
	const int storm = times(1000, 20000);
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	int i, ret, taken = 0;
	__u32 dropped = 0;
	long before, after;
	__u64 deadline;

	REQUIRE_REGION(owner);
	ASSERT_EQ(0, owner_listen(owner));
	before = meminfo("SUnreclaim:");
	ASSERT_LT(0, before);
	for (i = 0; i < storm; i++)
		ASSERT_EQ(0, inject_error(owner->fn.address, PEC_ERROR_STATE));
	after = meminfo("SUnreclaim:");
	/*
	 * A permanent failure is never dropped here: once it is in the queue, all
	 * earlier events have been processed.
	 */
	ASSERT_EQ(0, inject_error(owner->fn.address, PEC_LOST));
	deadline = deadline_in(PATIENCE_MS);
	do {
		ret = owner_take(owner, &event);
		if (ret) {
			ASSERT_EQ(-ENOMSG, ret);
			ASSERT_TRUE(wait_on(deadline)) {
				TH_LOG("the last event does not come");
			}
			continue;
		}
		taken++;
		dropped = event.dropped;
	} while (ret || !(event.flags & VFIO_ZPCI_ERR_PERMANENT));
	EXPECT_LT(FITS, taken);
	EXPECT_EQ(storm + 1, taken + dropped);
	EXPECT_EQ(storm + 1, event.sequence);
	if (meminfo_is_exact()) {
		EXPECT_GT(2048, after - before) {
			TH_LOG("%d events took %ld KiB", storm, after - before);
		}
	}
	EXPECT_NONE_TAKEN(owner);
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	event_clear(owner->error_event);
	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(0, owner_recover(owner));
}

/*
 * Code 0 is an error event like others, and so is a code that the kernel does not know.
 * Validates 16.
 */
TEST_F(inject, odd_codes_are_events)
{
	static const __u16 codes[] = {
		0x0000, 0x0001, 0x0029, 0x002d, 0x00ff, 0x0301, 0x7fff, 0x8000, 0xffff
	};
	struct owner *owner = &self->owner;
	size_t i;

	ASSERT_EQ(0, owner_listen(owner));
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		ASSERT_EQ(0, inject_error(owner->fn.address, codes[i]));
		ASSERT_EQ(0, wait_wakes(owner, 1));
		EXPECT_TAKEN(owner, codes[i], i + 1);
		EXPECT_NONE_TAKEN(owner);
	}
	EXPECT_EQ(0, owner_recover(owner));
}

/*
 * The owner reads all bytes of an event as the platform gave them, also reserved ones.
 * Validates 18.
 */
TEST_F(inject, bytes_arrive_unchanged)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	struct ccdf ccdf = { 0 };
	unsigned long value;
	__u8 raw[CCDF_LEN], mine[CCDF_LEN];
	int i;

	ASSERT_EQ(0, owner_listen(owner));
	memset(raw, 0xa5, sizeof(raw));
	ASSERT_EQ(0, pci_read_attr(owner->fn.address, "function_handle", &value));
	ccdf.fh = value;
	ASSERT_EQ(0, pci_read_attr(owner->fn.address, "function_id", &value));
	ccdf.fid = value;
	ccdf_encode(&ccdf, mine);
	for (i = 4; i < 12; i++)
		raw[i] = mine[i];
	ASSERT_EQ(sizeof(raw), inject_write(INJECT_ERROR, raw, sizeof(raw), 0));
	ASSERT_EQ(0, wait_wakes(owner, 1));
	ASSERT_EQ(0, owner_take(owner, &event));
	EXPECT_EQ(0xa5a5, event.pec);
	EXPECT_EQ(0, memcmp(raw, event.ccdf, sizeof(raw)));
	EXPECT_EQ(0, owner_recover(owner));
}

/* The kernel ignores an event whose handle is not the function's present one. Validates 85. */
TEST_F(inject, stale_handles_are_ignored)
{
	struct owner *owner = &self->owner;
	struct ccdf ccdf = { .pec = PEC_ERROR_STATE };
	/*
	 * The bits that are changed in the handle; the last one gives the handle of a
	 * disabled function.
	 */
	static const __u32 differences[] = { 1, 0x10000, 0xff0000, 1U << 31 };
	unsigned long handle, id;
	size_t i;

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, pci_read_attr(owner->fn.address, "function_handle", &handle));
	ASSERT_EQ(0, pci_read_attr(owner->fn.address, "function_id", &id));
	ccdf.fid = id;
	ASSERT_EQ(0, inject_ccdf(INJECT_ERROR, &ccdf));
	for (i = 0; i < ARRAY_SIZE(differences); i++) {
		ccdf.fh = handle ^ differences[i];
		ASSERT_EQ(0, inject_ccdf(INJECT_ERROR, &ccdf));
		ccdf.pec = PEC_LOST;
	}
	ASSERT_EQ(0, inject_error(owner->fn.address, PEC_ERROR_STATE));
	EXPECT_EQ(0, wait_wakes(owner, 1));
	EXPECT_TAKEN(owner, PEC_ERROR_STATE, 1);
	EXPECT_NONE_TAKEN(owner);
	EXPECT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/* An event of an unknown function is logged and has no other effect. Validates 86. */
TEST_F_TIMEOUT(inject, unknown_function_is_logged, 60)
{
	struct ccdf ccdf = { .fh = 0x80000000, .fid = 0xdead, .pec = PEC_ERROR_STATE };
	struct owner *owner = &self->owner;
	int log = kmsg_open(), i, ret = -ETIMEDOUT;

	ASSERT_LE(0, log);
	ASSERT_EQ(0, owner_listen(owner));
	/* The kernel may suppress the message if it has just logged many others. */
	for (i = 0; i < 20 && ret; i++) {
		ASSERT_EQ(0, inject_ccdf(INJECT_ERROR, &ccdf));
		ret = kmsg_wait(log, "n/a: Event 0x3a reports an error for PCI function 0xdead",
				500);
	}
	EXPECT_EQ(0, ret);
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, 0));
	EXPECT_NONE_TAKEN(owner);
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	close(log);
}

/* An eventfd that is registered while an event waits is signalled at once. Validates 28. */
TEST_F(inject, late_listener_is_told_at_once)
{
	static const struct {
		__u16 pec;
		__u16 flags;
	} events[] = {
		/*
		 * The injector does not block the function, so the platform refuses to
		 * unblock it.
		 */
		{ PEC_ERROR_STATE, VFIO_ZPCI_ERR_PRESENT | VFIO_ZPCI_ERR_UNATTENDED },
		{ PEC_LOST, VFIO_ZPCI_ERR_PRESENT | VFIO_ZPCI_ERR_PERMANENT |
			    VFIO_ZPCI_ERR_UNATTENDED },
	};
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		ASSERT_EQ(0, inject_error(owner->fn.address, events[i].pec));
		sleep_ms(QUIET_MS);
		ASSERT_EQ(0, owner_listen(owner));
		EXPECT_EQ(0, event_wait(owner->error_event, 0));
		ASSERT_EQ(0, owner_take(owner, &event));
		EXPECT_EQ(events[i].pec, event.pec);
		EXPECT_EQ(events[i].flags, event.flags);
		ASSERT_EQ(0, owner_recover(owner));
		/*
		 * The owner opens the function anew, so that it does not listen when
		 * the next event comes.
		 */
		owner_close(owner);
		ASSERT_EQ(0, owner_open(owner, variant->mode));
	}
	/* Without an event the eventfd is not signalled. */
	ASSERT_EQ(0, owner_listen(owner));
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, 0));
}

/* Starts a child that injects an event each time that @go is signalled. */
static pid_t injector_start(const char *address, __u16 pec, int go)
{
	pid_t child = fork();

	if (child)
		return child;
	while (!event_wait(go, 10 * PATIENCE_MS)) {
		if (inject_error(address, pec))
			_exit(1);
	}
	_exit(1);
}

/*
 * An owner that has just been woken can read the event and reset the function at once.
 * Validates 31.
 */
TEST_F_TIMEOUT(inject, reset_at_the_moment_of_waking, 600)
{
	const int count = times(30, 1000);
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	int i, go = event_new(), told = 0, seen = 0, reset = 0;
	const __u64 one = 1;
	pid_t injector;

	ASSERT_LE(0, go);
	ASSERT_EQ(0, owner_listen(owner));
	injector = injector_start(owner->fn.address, PEC_ERROR_STATE, go);
	ASSERT_LT(0, injector);
	for (i = 0; i < count; i++) {
		if (write(go, &one, sizeof(one)) != sizeof(one))
			break;
		told += !event_wait(owner->error_event, PATIENCE_MS);
		/*
		 * The owner begins with the reset in odd rounds, and with the read in
		 * even ones.
		 */
		if (i % 2)
			reset += !vfio_reset(&owner->fn);
		seen += !owner_take(owner, &event) && event.pec == PEC_ERROR_STATE;
		if (!(i % 2))
			reset += !vfio_reset(&owner->fn);
	}
	kill(injector, SIGKILL);
	waitpid(injector, NULL, 0);
	EXPECT_EQ(count, told);
	EXPECT_EQ(count, seen);
	EXPECT_EQ(count, reset);
	EXPECT_NONE_TAKEN(owner);
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	close(go);
}

/* The injector refuses input that is not exactly one event, and injects nothing. */
TEST_F(inject, malformed_input_is_refused)
{
	static const size_t lengths[] = { 0, 1, 16, 31, 33, 64, 4096 };
	static const char *const files[] = { INJECT_ERROR, INJECT_AVAILABILITY };
	struct owner *owner = &self->owner;
	char path[128], text[64];
	__u8 raw[4096];
	size_t i, j;
	int fd;

	ASSERT_EQ(0, owner_listen(owner));
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		struct ccdf ccdf = { .pec = i ? PEC_DECONFIGURED : PEC_ERROR_STATE };
		unsigned long value;

		/*
		 * The event is valid: an injector that takes only a part of the input
		 * would have an effect.
		 */
		memset(raw, 0, sizeof(raw));
		ASSERT_EQ(0, pci_read_attr(owner->fn.address, "function_handle", &value));
		ccdf.fh = value;
		ASSERT_EQ(0, pci_read_attr(owner->fn.address, "function_id", &value));
		ccdf.fid = value;
		ccdf_encode(&ccdf, raw);
		for (j = 0; j < ARRAY_SIZE(lengths); j++) {
			EXPECT_EQ(-EINVAL, inject_write(files[i], raw, lengths[j], 0)) {
				TH_LOG("%s, %zu bytes", files[i], lengths[j]);
			}
		}
		EXPECT_EQ(-EINVAL, inject_write(files[i], raw, CCDF_LEN, 1));
		EXPECT_EQ(-EINVAL, inject_write(files[i], raw, CCDF_LEN, CCDF_LEN));
		EXPECT_EQ(-EFAULT, inject_write(files[i], (void *)8, CCDF_LEN, 0));
		snprintf(path, sizeof(path), "/sys/kernel/debug/zpci_inject/%s", files[i]);
		fd = open(path, O_RDONLY);
		EXPECT_GT(0, read(fd, text, sizeof(text)));
		close(fd);
	}
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, QUIET_MS));
	EXPECT_NONE_TAKEN(owner);
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/* A process without CAP_SYS_ADMIN cannot inject events. */
TEST_F(inject, needs_the_capability)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	struct owner *owner = &self->owner;
	pid_t child = fork();
	int status;

	ASSERT_LE(0, child);
	if (!child) {
		if (syscall(SYS_capget, &head, data))
			_exit(2);
		data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective &= ~CAP_TO_MASK(CAP_SYS_ADMIN);
		if (syscall(SYS_capset, &head, data))
			_exit(3);
		_exit(inject_error(owner->fn.address, PEC_ERROR_STATE) != -EPERM);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_NONE_TAKEN(owner);
}

FIXTURE(inject_unowned) {
	char address[PCI_ADDRESS_LEN];
	int log;
};

FIXTURE_SETUP(inject_unowned)
{
	struct owner owner;

	if (!inject_load())
		SKIP(return, NO_INJECTOR);
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, self->address));
	ASSERT_EQ(0, open_anyhow(&owner, self->address, VFIO_CDEV_IOMMUFD));
	owner_close(&owner);
	self->log = kmsg_open();
	ASSERT_LE(0, self->log);
}

FIXTURE_TEARDOWN(inject_unowned)
{
	close(self->log);
}

/* A function that is not open is recovered by the host. Validates 37. */
TEST_F_TIMEOUT(inject_unowned, host_recovers, 60)
{
	struct vfio_device_zpci_err_region event;
	struct owner owner;

	sleep_ms(LOG_PAUSE_MS);
	ASSERT_EQ(0, inject_error(self->address, PEC_ERROR_STATE));
	EXPECT_EQ(0, kmsg_wait(self->log, "The device is ready to resume operations",
			       PATIENCE_MS));
	EXPECT_TRUE(pci_answers(self->address));
	ASSERT_EQ(0, owner_open(&owner, VFIO_CDEV_IOMMUFD));
	EXPECT_EQ(-ENOMSG, owner_take(&owner, &event));
	EXPECT_EQ(0, nvme_verify(&owner.nvme, TEST_BLOCK));
	owner_close(&owner);
}

/*
 * A function that had a permanent failure while nobody had it open can be opened.
 * Validates 44, 53.
 */
TEST_F_TIMEOUT(inject_unowned, opens_after_a_permanent_failure, 60)
{
	struct vfio_device_zpci_err_region event;
	struct owner owner;

	ASSERT_EQ(0, inject_error(self->address, PEC_LOST));
	/* The host does not recover from this error: the permanent failure is processed first. */
	ASSERT_EQ(0, inject_error(self->address, PEC_ERROR_STATE));
	sleep_ms(QUIET_MS);
	ASSERT_EQ(0, owner_open(&owner, VFIO_CDEV_IOMMUFD));
	EXPECT_EQ(-ENOMSG, owner_take(&owner, &event));
	EXPECT_EQ(0, nvme_verify(&owner.nvme, TEST_BLOCK));
	ASSERT_EQ(0, owner_listen(&owner));
	ASSERT_EQ(0, owner_suffer(&owner));
	EXPECT_EQ(0, owner_recover(&owner));
	owner_close(&owner);
}

FIXTURE(inject_two) {
	struct owner held;
	struct owner other;
	int request;
	int log;
};

FIXTURE_VARIANT(inject_two) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(inject_two, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(inject_two, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(inject_two)
{
	char held[PCI_ADDRESS_LEN], other[PCI_ADDRESS_LEN];

	if (!inject_load())
		SKIP(return, NO_INJECTOR);
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, held));
	if (pci_find_other(PCI_KIND_NVME, held, other))
		SKIP(return, "there is only one NVMe function");
	ASSERT_EQ(0, open_anyhow(&self->held, held, variant->mode));
	ASSERT_EQ(0, open_anyhow(&self->other, other, variant->mode));
	self->request = event_new();
	ASSERT_LE(0, self->request);
	self->log = kmsg_open();
	ASSERT_LE(0, self->log);
}

FIXTURE_TEARDOWN(inject_two)
{
	owner_close(&self->held);
	owner_close(&self->other);
	close(self->request);
	close(self->log);
}

/*
 * Returns the time from an error of the other function until its owner is woken, in
 * milliseconds.
 */
static __s64 wake_time_ms(struct owner *owner)
{
	__u64 start;
	int ret;

	event_clear(owner->error_event);
	start = now_ns();
	ret = nvme_provoke_error(&owner->nvme, owner->unmapped);
	if (!ret)
		ret = event_wait(owner->error_event, PATIENCE_MS);
	return ret ? ret : (__s64)((now_ns() - start) / 1000000);
}

/*
 * Events of one function wait, because its driver is being unbound and the owner has
 * not closed the function yet. Events of another function still reach their owner at
 * once. When the first function is closed, its events are processed in order. Validates
 * 89.
 */
TEST_F_TIMEOUT(inject_two, nobody_waits_for_somebody_elses_function, 120)
{
	static const __u16 codes[] = { 0x003a, 0x003c, 0x003d };
	struct vfio_device_zpci_err_region event;
	struct owner *held = &self->held, *other = &self->other;
	char address[PCI_ADDRESS_LEN], line[256], text[64];
	size_t found = 0;
	pid_t unbind, injector;
	int i, status;
	__s64 ms;
	__u64 deadline;

	memcpy(address, held->fn.address, sizeof(address));
	ASSERT_EQ(0, owner_listen(held));
	ASSERT_EQ(0, owner_listen(other));
	ASSERT_EQ(0, vfio_irq_set(&held->fn, VFIO_PCI_REQ_IRQ_INDEX, &self->request, 1));
	sleep_ms(LOG_PAUSE_MS);

	/* The unbinding waits for this process to close the function, so a child does it. */
	unbind = fork();
	if (!unbind) {
		vfio_close(&held->fn);
		vfio_close(&other->fn);
		_exit(!!pci_write_attr(address, "driver/unbind", address));
	}
	ASSERT_EQ(0, event_wait(self->request, PATIENCE_MS));
	injector = fork();
	if (!injector) {
		vfio_close(&held->fn);
		vfio_close(&other->fn);
		for (i = 0; i < (int)ARRAY_SIZE(codes); i++) {
			if (inject_error(address, codes[i]))
				_exit(1);
		}
		_exit(0);
	}
	sleep_ms(QUIET_MS);
	/*
	 * The injector does the work of the channel report thread, which must not wait
	 * for a function.
	 */
	EXPECT_EQ(injector, waitpid(injector, &status, WNOHANG));
	for (i = 0; i < 3; i++) {
		ms = wake_time_ms(other);
		EXPECT_LE(0, ms);
		EXPECT_GT(1000, ms);
		EXPECT_EVENT(other, &event, i + 1);
		EXPECT_EQ(0, owner_recover(other));
	}
	EXPECT_EQ(0, nvme_verify(&other->nvme, TEST_BLOCK));
	EXPECT_EQ(0, waitpid(unbind, &status, WNOHANG));

	/*
	 * Waits until the kernel allows the full number of messages again: none of
	 * those checked below may be suppressed.
	 */
	sleep_ms(LOG_PAUSE_MS);
	owner_close(held);
	EXPECT_EQ(unbind, waitpid(unbind, &status, 0));
	EXPECT_EQ(0, status);
	deadline = deadline_in(PATIENCE_MS);
	while (found < ARRAY_SIZE(codes)) {
		if (!kmsg_next(self->log, line, sizeof(line))) {
			snprintf(text, sizeof(text), "%s: Event 0x%x ", address, codes[found]);
			found += !!strstr(line, text);
		} else if (!wait_on(deadline)) {
			break;
		}
	}
	EXPECT_EQ(ARRAY_SIZE(codes), found);

	/* The function works for the next owner. */
	ASSERT_EQ(0, pci_bind(address, "vfio-pci"));
	ASSERT_EQ(0, owner_open_at(held, address, variant->mode));
	EXPECT_EQ(0, nvme_verify(&held->nvme, TEST_BLOCK));
	ASSERT_EQ(0, owner_listen(held));
	ASSERT_EQ(0, owner_suffer(held));
	EXPECT_EQ(0, owner_recover(held));
}

/*
 * Events of two functions alternate: each owner gets all events of its function in
 * order, and no others. Validates 50.
 */
TEST_F(inject_two, each_owner_gets_its_own)
{
	struct owner *held = &self->held, *other = &self->other;
	int i;

	ASSERT_EQ(0, owner_listen(held));
	ASSERT_EQ(0, owner_listen(other));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, inject_error(held->fn.address, 0x100 + i));
		ASSERT_EQ(0, inject_error(other->fn.address, 0x200 + i));
	}
	EXPECT_EQ(0, wait_wakes(held, 4));
	EXPECT_EQ(0, wait_wakes(other, 4));
	for (i = 0; i < 4; i++) {
		EXPECT_TAKEN(held, 0x100 + i, i + 1);
		EXPECT_TAKEN(other, 0x200 + i, i + 1);
	}
	EXPECT_NONE_TAKEN(held);
	EXPECT_NONE_TAKEN(other);
	EXPECT_EQ(0, owner_recover(held));
	EXPECT_EQ(0, owner_recover(other));
}

TEST_HARNESS_MAIN
