// SPDX-License-Identifier: GPL-2.0-only
/*
 * The status of the error region, mapped: a poll-mode driver sees an error without a
 * system call, and without taking the event.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "fixture.h"
#include "inject.h"

#define STORM	500

FIXTURE(status_page) {
	struct owner owner;
	const struct vfio_device_zpci_err_status *status;
	size_t page;
};

FIXTURE_VARIANT(status_page) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(status_page, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(status_page, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(status_page)
{
	self->page = sysconf(_SC_PAGESIZE);
	ASSERT_EQ(0, owner_open(&self->owner, variant->mode));
	REQUIRE_REGION(&self->owner);
	ASSERT_EQ(0, error_status_map(&self->owner.fn, &self->owner.region, &self->status));
	ASSERT_EQ(0, owner_listen(&self->owner));
}

FIXTURE_TEARDOWN(status_page)
{
	munmap((void *)self->status, self->page);
	owner_close(&self->owner);
}

TEST(layout)
{
	EXPECT_EQ(0, offsetof(struct vfio_device_zpci_err_status, count));
	EXPECT_EQ(4, offsetof(struct vfio_device_zpci_err_status, length));
	EXPECT_EQ(8, offsetof(struct vfio_device_zpci_err_status, generation));
	EXPECT_EQ(16, offsetof(struct vfio_device_zpci_err_status, pending));
	EXPECT_EQ(20, offsetof(struct vfio_device_zpci_err_status, dropped));
	EXPECT_EQ(24, offsetof(struct vfio_device_zpci_err_status, newest));
	EXPECT_EQ(88, sizeof(struct vfio_device_zpci_err_status));
}

/* The page shows no event, then an event, then that the event is stale; a look takes no event. */
TEST_F(status_page, an_event)
{
	struct vfio_device_zpci_err_status now;
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;

	error_status_read(self->status, &now);
	EXPECT_EQ(sizeof(now), now.length);
	EXPECT_EQ(0, now.generation);
	EXPECT_EQ(0, now.pending);
	EXPECT_EQ(0, now.dropped);
	EXPECT_EQ(0, now.newest.flags);
	EXPECT_EQ(0, now.newest.pec);

	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(1, __atomic_load_n(&self->status->generation, __ATOMIC_ACQUIRE));
	error_status_read(self->status, &now);
	EXPECT_EQ(1, now.pending);
	EXPECT_EQ(PEC_DMA_ACCESS, now.newest.pec);
	EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT, now.newest.flags);
	EXPECT_EQ(1, now.newest.sequence);

	EXPECT_EVENT(owner, &event, 1);
	EXPECT_EQ(0, memcmp(&now.newest, &event, sizeof(event)));
	error_status_read(self->status, &now);
	EXPECT_EQ(1, now.generation);
	EXPECT_EQ(0, now.pending);
	EXPECT_EQ(0, memcmp(&now.newest, &event, sizeof(event)));

	ASSERT_EQ(0, owner_recover(owner));
	error_status_read(self->status, &now);
	EXPECT_EQ(1, now.generation);
	EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT | VFIO_ZPCI_ERR_STALE, now.newest.flags);

	ASSERT_EQ(0, owner_suffer(owner));
	error_status_read(self->status, &now);
	EXPECT_EQ(2, now.generation);
	EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT, now.newest.flags);
	ASSERT_EQ(0, owner_recover(owner));
}

/* A second mapping of the page, made later, shows the same. */
TEST_F(status_page, mapped_again)
{
	const struct vfio_device_zpci_err_status *again;
	struct owner *owner = &self->owner;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, error_status_map(&owner->fn, &owner->region, &again));
	EXPECT_EQ(0, memcmp(again, self->status, sizeof(*again)));
	EXPECT_EQ(1, again->pending);
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, memcmp(again, self->status, sizeof(*again)));
	munmap((void *)again, self->page);
}

/* The page cannot be mapped writable, and no other part of the region can be mapped. */
TEST_F(status_page, cannot_be_misused)
{
	const struct {
		size_t offset, pages;
		int prot, flags;
	} *bad, table[] = {
		{ VFIO_ZPCI_ERROR_REGION_STATUS, 1, PROT_READ | PROT_WRITE, MAP_SHARED },
		{ VFIO_ZPCI_ERROR_REGION_STATUS, 1, PROT_WRITE, MAP_SHARED },
		{ VFIO_ZPCI_ERROR_REGION_STATUS, 1, PROT_READ, MAP_PRIVATE },
		{ VFIO_ZPCI_ERROR_REGION_STATUS, 2, PROT_READ, MAP_SHARED },
		{ 0, 1, PROT_READ, MAP_SHARED },
		{ 0, 2, PROT_READ, MAP_SHARED },
		{ VFIO_ZPCI_ERROR_REGION_STATUS + 4096, 1, PROT_READ, MAP_SHARED },
	};
	struct owner *owner = &self->owner;
	void *page;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		bad = &table[i];
		errno = 0;
		page = mmap(NULL, bad->pages * self->page, bad->prot, bad->flags,
			    owner->fn.device, owner->region.offset + bad->offset);
		EXPECT_EQ(MAP_FAILED, page) {
			TH_LOG("mapping %zu", i);
		}
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(-1, mprotect((void *)self->status, self->page, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, pread(owner->fn.device, &i, sizeof(i),
			    owner->region.offset + VFIO_ZPCI_ERROR_REGION_STATUS));
	EXPECT_EQ(EINVAL, errno);
}

/* A child that the owner forks sees the same page. */
TEST_F(status_page, inherited)
{
	int status;
	pid_t child;

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		__u64 deadline = deadline_in(PATIENCE_MS);

		while (!__atomic_load_n(&self->status->generation, __ATOMIC_ACQUIRE))
			if (!wait_on(deadline))
				_exit(1);
		_exit(self->status->newest.pec != PEC_DMA_ACCESS);
	}
	ASSERT_EQ(0, owner_suffer(&self->owner));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, owner_recover(&self->owner));
}

/* The next owner's page shows no event. */
TEST_F(status_page, next_owner)
{
	struct vfio_device_zpci_err_status now;
	struct owner *owner = &self->owner;

	ASSERT_EQ(0, owner_suffer(owner));
	munmap((void *)self->status, self->page);
	owner_close(owner);
	ASSERT_EQ(0, owner_open(owner, variant->mode));
	ASSERT_EQ(0, error_status_map(&owner->fn, &owner->region, &self->status));
	error_status_read(self->status, &now);
	EXPECT_EQ(0, now.generation);
	EXPECT_EQ(0, now.newest.flags);
}

struct poller {
	const struct vfio_device_zpci_err_status *status;
	bool stop;
	int looks, torn, backwards;
};

static void *poll_on(void *arg)
{
	struct vfio_device_zpci_err_status now;
	struct poller *poller = arg;
	__u64 last = 0;

	while (!__atomic_load_n(&poller->stop, __ATOMIC_ACQUIRE)) {
		error_status_read(poller->status, &now);
		poller->looks++;
		/*
		 * If the three numbers belong to one moment, the newest kept event is
		 * not newer than the last event, and the difference is at most the
		 * number of dropped events.
		 */
		if (now.newest.sequence > now.generation ||
		    now.newest.dropped != now.dropped ||
		    now.generation - now.newest.sequence > now.dropped)
			poller->torn++;
		if (now.generation < last)
			poller->backwards++;
		last = now.generation;
	}
	return NULL;
}

/* Each read of the page belongs to one moment, while events come and are taken. */
TEST_F_TIMEOUT(status_page, is_never_torn, 120)
{
	struct poller poller = { .status = self->status };
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	pthread_t thread;
	__u64 deadline;
	int i;

	if (!inject_load())
		SKIP(return, "there is no zpci_inject");
	ASSERT_EQ(0, pthread_create(&thread, NULL, poll_on, &poller));
	for (i = 0; i < STORM; i++) {
		ASSERT_EQ(0, inject_error(owner->fn.address, PEC_ERROR_STATE));
		if (i % 3)
			ASSERT_EQ(0, error_region_take(&owner->fn, &owner->region, &event));
	}
	deadline = deadline_in(PATIENCE_MS);
	while (self->status->generation != STORM)
		ASSERT_TRUE(wait_on(deadline));
	__atomic_store_n(&poller.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	TH_LOG("%d looks", poller.looks);
	EXPECT_LT(0, poller.looks);
	EXPECT_EQ(0, poller.torn);
	EXPECT_EQ(0, poller.backwards);
	ASSERT_EQ(0, owner_recover(owner));
}

TEST_HARNESS_MAIN
