// SPDX-License-Identifier: GPL-2.0-only
/*
 * System 3: capture. Every error event of an open function is kept until its owner has
 * read it: in order, once, and only for that owner.
 */
#include "kselftest_harness.h"

#include "fixture.h"

/* More events than the 4 that the C version keeps. */
#define MANY		9

/* A number of events that always fits into the queue, and one that does not. */
#define FITS		16
#define TOO_MANY	40

FIXTURE(capture) {
	struct owner owner;
};

FIXTURE_VARIANT(capture) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(capture, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(capture, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(capture)
{
	ASSERT_EQ(0, owner_open(&self->owner, variant->mode));
}

FIXTURE_TEARDOWN(capture)
{
	owner_close(&self->owner);
}

/* One error causes one event, with cause and time. Validates 2, 26. */
TEST_F(capture, one_event)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	__u64 before, after;

	ASSERT_EQ(0, owner_listen(owner));
	before = now_ns();
	ASSERT_EQ(0, owner_suffer(owner));
	after = now_ns();
	EXPECT_EVENT(owner, &event, 1);
	EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT, event.flags);
	if (owner->region.size) {
		EXPECT_EQ(0, event.pending_errors);
		EXPECT_EQ(0, event.dropped);
		EXPECT_LE(before, event.timestamp);
		EXPECT_GE(after, event.timestamp);
	}
	EXPECT_NO_EVENT(owner);
	/* One event wakes its owner once. */
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, 100));
}

/*
 * Several errors with resets between them, and no reader: all events come back, oldest
 * first, numbered from 1, and none is lost. All but the last one are marked as older
 * than the last reset. Validates 3, 4, 70.
 */
TEST_F_TIMEOUT(capture, many_events_in_order, 120)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	__u64 before = 0;
	int i;

	ASSERT_EQ(0, owner_listen(owner));
	for (i = 1; i <= MANY; i++) {
		ASSERT_EQ(0, owner_suffer(owner)) {
			TH_LOG("error %d", i);
		}
		if (i < MANY)
			ASSERT_EQ(0, owner_recover(owner));
	}
	for (i = 1; i <= MANY; i++) {
		EXPECT_EVENT(owner, &event, i);
		if (!owner->region.size)
			continue;
		EXPECT_EQ(MANY - i, event.pending_errors);
		EXPECT_EQ(0, event.dropped);
		EXPECT_EQ(i < MANY, !!(event.flags & VFIO_ZPCI_ERR_STALE));
		EXPECT_LT(before, event.timestamp);
		before = event.timestamp;
	}
	EXPECT_NO_EVENT(owner);
	EXPECT_NO_EVENT(owner);
	EXPECT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/*
 * An owner that reads between errors gets the same events as one that reads at the end.
 * Validates 7, 27.
 */
TEST_F_TIMEOUT(capture, reading_as_they_come, 120)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	int i;

	ASSERT_EQ(0, owner_listen(owner));
	for (i = 1; i <= 5; i++) {
		ASSERT_EQ(0, owner_suffer(owner));
		EXPECT_EVENT(owner, &event, i);
		EXPECT_EQ(0, event.pending_errors);
		EXPECT_NO_EVENT(owner);
		ASSERT_EQ(0, owner_recover(owner));
	}
	EXPECT_NO_EVENT(owner);
}

/* An event that was not read before the reset is kept, and marked. Validates 70. */
TEST_F(capture, reset_keeps_and_marks_the_event)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EVENT(owner, &event, 1);
	if (owner->region.size)
		EXPECT_TRUE(event.flags & VFIO_ZPCI_ERR_STALE);
	EXPECT_NO_EVENT(owner);
}

/* A full queue drops new events, counts them, and keeps the old ones. Validates 4, 24, 34. */
TEST_F_TIMEOUT(capture, full_queue_counts_its_losses, 300)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	__u64 sequence = 0;
	__u32 dropped = 0;
	int i, taken = 0;

	REQUIRE_REGION(owner);
	ASSERT_EQ(0, owner_listen(owner));
	for (i = 0; i < TOO_MANY; i++) {
		/* A dropped event still wakes the owner. */
		ASSERT_EQ(0, owner_suffer(owner));
		ASSERT_EQ(0, owner_recover(owner));
	}
	for (;;) {
		ASSERT_EQ(0, error_region_take(&owner->fn, &owner->region, &event));
		if (!(event.flags & VFIO_ZPCI_ERR_PRESENT))
			break;
		EXPECT_LT(sequence, event.sequence);
		sequence = event.sequence;
		dropped = event.dropped;
		taken++;
	}
	EXPECT_LE(FITS, taken);
	EXPECT_EQ(TOO_MANY, taken + dropped);

	/* After a read the queue has room for an event again. */
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, error_region_take(&owner->fn, &owner->region, &event));
	EXPECT_TRUE(event.flags & VFIO_ZPCI_ERR_PRESENT);
	EXPECT_EQ(dropped, event.dropped);
	EXPECT_EQ(0, owner_recover(owner));
}

/* Two readers at the same time get each event once between them. Validates 21. */
TEST_F_TIMEOUT(capture, two_readers, 120)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	int *seen, i, status;
	pid_t other;

	REQUIRE_REGION(owner);
	seen = mmap(NULL, (MANY + 1) * sizeof(*seen), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, seen);
	ASSERT_EQ(0, owner_listen(owner));
	for (i = 1; i <= MANY; i++) {
		ASSERT_EQ(0, owner_suffer(owner));
		ASSERT_EQ(0, owner_recover(owner));
	}
	other = fork();
	ASSERT_LE(0, other);
	for (i = 0; i < MANY; i++) {
		if (error_region_take(&owner->fn, &owner->region, &event))
			break;
		if (event.sequence <= MANY && event.flags & VFIO_ZPCI_ERR_PRESENT)
			__atomic_add_fetch(&seen[event.sequence], 1, __ATOMIC_RELAXED);
	}
	if (!other)
		_exit(i != MANY);
	EXPECT_EQ(MANY, i);
	ASSERT_EQ(other, waitpid(other, &status, 0));
	EXPECT_EQ(0, status);
	for (i = 1; i <= MANY; i++)
		EXPECT_EQ(1, seen[i]);
	EXPECT_NO_EVENT(owner);
}

/*
 * Sequence numbers count from the open: a new owner begins with 1 and sees no event of
 * the earlier owner. Validates 49, 50.
 */
TEST_F(capture, a_new_owner_counts_from_one)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	owner_close(owner);
	ASSERT_EQ(0, owner_open(owner, variant->mode));
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EVENT(owner, &event, 1);
	EXPECT_NO_EVENT(owner);
}

TEST_HARNESS_MAIN
