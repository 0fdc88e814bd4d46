// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivery loses nothing: an event leaves the queue only when its bytes have reached a
 * reader, even if an earlier reader fails or is killed. Only one reader gets the event.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"

#include "fixture.h"
#include "slow_page.h"

/* A read that returns although it should wait has returned after this time. */
#define WOULD_HAVE_MS	200

/* The errors of a test fail at different addresses, so that their events can be told apart. */
#define PAGE		0x1000

#define LEN		sizeof(struct vfio_device_zpci_err_region)

enum interface {
	BY_REGION,
	BY_FEATURE,
};

/* Provokes the error with this number, counted from 1; returns once the owner was woken. */
static int fail(struct owner *owner, unsigned int number)
{
	int ret;

	event_clear(owner->error_event);
	ret = nvme_provoke_error(&owner->nvme, owner->unmapped + number * PAGE);
	return ret ? ret : event_wait(owner->error_event, PATIENCE_MS);
}

/* Provokes several errors; resets the function after each of them. */
static int fail_and_recover(struct owner *owner, unsigned int first, unsigned int last)
{
	int ret = 0;

	for (; !ret && first <= last; first++) {
		ret = fail(owner, first);
		if (!ret)
			ret = vfio_reset(&owner->fn);
	}
	return ret;
}

static size_t event_len(enum interface by)
{
	return by == BY_REGION ? LEN : CCDF_LEN;
}

/* Takes an event into @buf: 0, -ENOMSG by the feature, or -errno. */
static int take(struct owner *owner, enum interface by, void *buf)
{
	if (by == BY_REGION)
		return error_region_take(&owner->fn, &owner->region, buf);
	return error_feature_take(&owner->fn, buf);
}

/* Returns the number of the error that an event is about, 0 if there is no event. */
static int number_of(struct owner *owner, enum interface by, const void *buf)
{
	const struct vfio_device_zpci_err_region *event = buf;
	struct ccdf ccdf;

	if (by == BY_REGION && !(event->flags & VFIO_ZPCI_ERR_PRESENT))
		return 0;
	ccdf_decode(by == BY_REGION ? event->ccdf : buf, &ccdf);
	return (ccdf.faddr - owner->unmapped) / PAGE;
}

/* Takes an event and returns its number; 0 if there is none, or -errno. */
static int take_number(struct owner *owner, enum interface by)
{
	__u8 buf[LEN];
	int ret = take(owner, by, buf);

	if (ret)
		return ret == -ENOMSG ? 0 : ret;
	return number_of(owner, by, buf);
}

FIXTURE(delivery) {
	struct owner owner;
};

FIXTURE_VARIANT(delivery) {
	enum vfio_mode mode;
	enum interface by;
};

FIXTURE_VARIANT_ADD(delivery, group_region) {
	.mode = VFIO_GROUP_TYPE1,
	.by = BY_REGION,
};

FIXTURE_VARIANT_ADD(delivery, group_feature) {
	.mode = VFIO_GROUP_TYPE1,
	.by = BY_FEATURE,
};

FIXTURE_VARIANT_ADD(delivery, cdev_region) {
	.mode = VFIO_CDEV_IOMMUFD,
	.by = BY_REGION,
};

FIXTURE_VARIANT_ADD(delivery, cdev_feature) {
	.mode = VFIO_CDEV_IOMMUFD,
	.by = BY_FEATURE,
};

FIXTURE_SETUP(delivery)
{
	ASSERT_EQ(0, owner_open(&self->owner, variant->mode));
	if (variant->by == BY_REGION)
		REQUIRE_REGION(&self->owner);
	ASSERT_EQ(0, owner_listen(&self->owner));
}

FIXTURE_TEARDOWN(delivery)
{
	owner_close(&self->owner);
}

/*
 * A read into memory that is missing, read-only or too short fails, and leaves the
 * event in the queue. Validates 8.
 */
TEST_F(delivery, fault_keeps_the_event)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct owner *owner = &self->owner;
	size_t len = event_len(variant->by);
	__u8 before[8] = { 0 }, after[8];
	void *good, *read_only, *gone;

	/*
	 * Maps three pages: the first can be written, the second only read, the third
	 * is removed.
	 */
	good = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, good);
	read_only = good + page;
	gone = read_only + page;
	ASSERT_EQ(0, mprotect(read_only, page, PROT_READ));
	ASSERT_EQ(0, munmap(gone, page));

	ASSERT_EQ(0, fail_and_recover(owner, 1, 3));
	EXPECT_EQ(-EFAULT, take(owner, variant->by, gone));
	EXPECT_EQ(-EFAULT, take(owner, variant->by, read_only));
	EXPECT_EQ(-EFAULT, take(owner, variant->by, read_only - 1));
	EXPECT_EQ(-EFAULT, take(owner, variant->by, read_only - len + 1));
	EXPECT_EQ(-EFAULT, take(owner, variant->by, gone - len / 2));
	EXPECT_EQ(-EFAULT, take(owner, variant->by, (void *)-PAGE));
	if (variant->by == BY_REGION) {
		/* The read took no event, so the event that was taken last has not changed. */
		ASSERT_EQ(8, error_region_read(&owner->fn, &owner->region, 16, after, 8));
		EXPECT_EQ(0, memcmp(before, after, sizeof(after)));
	}
	EXPECT_EQ(1, take_number(owner, variant->by));
	EXPECT_EQ(-EFAULT, take(owner, variant->by, gone));
	EXPECT_EQ(0, take(owner, variant->by, read_only - len));
	EXPECT_EQ(2, number_of(owner, variant->by, read_only - len));
	EXPECT_EQ(3, take_number(owner, variant->by));
	EXPECT_EQ(0, take_number(owner, variant->by));
	munmap(good, 2 * page);
}

/* A feature call whose argument cannot be read fails, and takes no event. Validates 9, 10. */
TEST_F(delivery, unreadable_question_takes_nothing)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct owner *owner = &self->owner;
	struct vfio_device_feature *feature;
	__u8 ccdf[CCDF_LEN];
	void *start, *end;

	start = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, start);
	end = start + page;
	ASSERT_EQ(0, munmap(end, page));

	ASSERT_EQ(0, fail_and_recover(owner, 1, 1));
	/*
	 * The argument's head is on this page, and the buffer's address would be on the
	 * next one.
	 */
	feature = end - sizeof(*feature);
	feature->argsz = sizeof(*feature) + sizeof(__u64);
	feature->flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_ZPCI_ERROR;
	EXPECT_EQ(-1, ioctl(owner->fn.device, VFIO_DEVICE_FEATURE, feature));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(owner->fn.device, VFIO_DEVICE_FEATURE, end));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-EINVAL, error_feature_take(&owner->fn, NULL));
	EXPECT_EQ(0, error_feature_take(&owner->fn, ccdf));
	EXPECT_EQ(1, number_of(owner, BY_FEATURE, ccdf));
	EXPECT_EQ(0, take_number(owner, variant->by));
	munmap(start, page);
}

/* A reader that stops in the middle of the copy, on a page that is not present yet. */
struct slow_reader {
	struct owner *owner;
	enum interface by;
	struct slow_page memory;
	pthread_t thread;
	int result;
	bool done;
};

static void *slow_read(void *arg)
{
	struct slow_reader *reader = arg;

	reader->result = take(reader->owner, reader->by, reader->memory.page);
	__atomic_store_n(&reader->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Starts a reader and returns once the reader waits for its page; -errno without userfaultfd. */
static int slow_reader_start(struct slow_reader *reader, struct owner *owner, enum interface by)
{
	int ret;

	memset(reader, 0, sizeof(*reader));
	reader->owner = owner;
	reader->by = by;
	ret = slow_page_new(&reader->memory);
	if (ret)
		return ret;
	ret = -pthread_create(&reader->thread, NULL, slow_read, reader);
	return ret ? ret : slow_page_wait(&reader->memory, PATIENCE_MS);
}

static bool slow_reader_waits(struct slow_reader *reader)
{
	return !__atomic_load_n(&reader->done, __ATOMIC_ACQUIRE);
}

#define NO_SLOW_PAGES	"the kernel has no userfaultfd"

/*
 * A reader that waits for its page has not taken the event yet: another reader gets the
 * event, and the waiting one then gets a later event. Validates 8, 21, 22.
 */
TEST_F(delivery, slow_reader_gets_what_is_left)
{
	struct owner *owner = &self->owner;
	struct slow_reader reader;
	int ret;

	ASSERT_EQ(0, fail_and_recover(owner, 1, 3));
	ret = slow_reader_start(&reader, owner, variant->by);
	if (ret == -EOPNOTSUPP)
		SKIP(return, NO_SLOW_PAGES);
	ASSERT_EQ(0, ret);
	EXPECT_EQ(1, take_number(owner, variant->by));
	EXPECT_EQ(2, take_number(owner, BY_FEATURE));
	EXPECT_TRUE(slow_reader_waits(&reader));

	ASSERT_EQ(0, slow_page_fill(&reader.memory));
	ASSERT_EQ(0, pthread_join(reader.thread, NULL));
	EXPECT_EQ(0, reader.result);
	EXPECT_EQ(3, number_of(owner, variant->by, reader.memory.page));
	EXPECT_EQ(0, take_number(owner, variant->by));
	slow_page_free(&reader.memory);
}

/*
 * A reader that waits for its page and then fails loses no event, and changes no order.
 * Validates 8, 21.
 */
TEST_F(delivery, slow_reader_that_fails)
{
	struct owner *owner = &self->owner;
	struct slow_reader reader;
	int ret;

	ASSERT_EQ(0, fail_and_recover(owner, 1, 3));
	ret = slow_reader_start(&reader, owner, variant->by);
	if (ret == -EOPNOTSUPP)
		SKIP(return, NO_SLOW_PAGES);
	ASSERT_EQ(0, ret);
	EXPECT_EQ(1, take_number(owner, variant->by));

	ASSERT_EQ(0, slow_page_break(&reader.memory));
	ASSERT_EQ(0, pthread_join(reader.thread, NULL));
	EXPECT_EQ(-EFAULT, reader.result);
	EXPECT_EQ(2, take_number(owner, variant->by));
	EXPECT_EQ(3, take_number(owner, variant->by));
	EXPECT_EQ(0, take_number(owner, variant->by));
	slow_page_free(&reader.memory);
}

/*
 * Nothing waits for a reader that waits for its page: meanwhile the function can fail,
 * wake its owner and be reset. If other readers take all events, the waiting reader
 * finds none. Validates 8, 93.
 */
TEST_F(delivery, slow_reader_holds_up_nothing)
{
	struct owner *owner = &self->owner;
	/* The C version has taken the event from the queue before it copies. */
	bool has_it = is_c_version();
	struct slow_reader reader;
	int ret;

	ASSERT_EQ(0, fail(owner, 1));
	ret = slow_reader_start(&reader, owner, variant->by);
	if (ret == -EOPNOTSUPP)
		SKIP(return, NO_SLOW_PAGES);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vfio_reset(&owner->fn));
	ASSERT_EQ(0, fail(owner, 2));
	if (!has_it)
		EXPECT_EQ(1, take_number(owner, variant->by));
	EXPECT_EQ(2, take_number(owner, variant->by));
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	EXPECT_TRUE(slow_reader_waits(&reader));

	ASSERT_EQ(0, slow_page_fill(&reader.memory));
	ASSERT_EQ(0, pthread_join(reader.thread, NULL));
	EXPECT_EQ(variant->by == BY_FEATURE && !has_it ? -ENOMSG : 0, reader.result);
	if (!reader.result)
		EXPECT_EQ(has_it, number_of(owner, variant->by, reader.memory.page));
	slow_page_free(&reader.memory);
}

/* The child that reads, waits for its page, and is killed there. */
static void be_killed(struct owner *owner, enum interface by, int started)
{
	struct slow_reader reader;
	int ret = slow_reader_start(&reader, owner, by);

	if (write(started, &ret, sizeof(ret)) == sizeof(ret))
		pause();
	_exit(1);
}

/* A reader that is killed while it waits for its page takes no event with it. Validates 8, 22. */
TEST_F(delivery, killed_reader)
{
	struct owner *owner = &self->owner;
	int pipefd[2], started = -EIO, status;
	pid_t reader;

	ASSERT_EQ(0, fail_and_recover(owner, 1, 3));
	ASSERT_EQ(0, pipe(pipefd));
	reader = fork();
	ASSERT_LE(0, reader);
	if (!reader)
		be_killed(owner, variant->by, pipefd[1]);
	ASSERT_EQ((ssize_t)sizeof(started), read(pipefd[0], &started, sizeof(started)));
	if (!started)
		EXPECT_EQ(1, take_number(owner, variant->by));
	sleep_ms(WOULD_HAVE_MS);
	ASSERT_EQ(0, kill(reader, SIGKILL));
	ASSERT_EQ(reader, waitpid(reader, &status, 0));
	close(pipefd[0]);
	close(pipefd[1]);
	if (started == -EOPNOTSUPP)
		SKIP(return, NO_SLOW_PAGES);
	ASSERT_EQ(0, started);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(2, take_number(owner, variant->by));
	EXPECT_EQ(3, take_number(owner, variant->by));
	EXPECT_EQ(0, take_number(owner, variant->by));
}

/*
 * LIVE errors come while readers read; STORED ones come before, and all of them fit
 * into the queue.
 */
#define LIVE		10
#define STORED		15
#define EVENTS		(LIVE + STORED)
#define READERS_MAX	8

FIXTURE(readers) {
	struct owner owner;
};

FIXTURE_VARIANT(readers) {
	enum vfio_mode mode;
	int count;
};

FIXTURE_VARIANT_ADD(readers, two_group_type1) {
	.mode = VFIO_GROUP_TYPE1,
	.count = 2,
};

FIXTURE_VARIANT_ADD(readers, two_cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
	.count = 2,
};

FIXTURE_VARIANT_ADD(readers, eight_group_type1) {
	.mode = VFIO_GROUP_TYPE1,
	.count = 8,
};

FIXTURE_VARIANT_ADD(readers, eight_cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
	.count = 8,
};

FIXTURE_SETUP(readers)
{
	ASSERT_EQ(0, owner_open(&self->owner, variant->mode));
	REQUIRE_REGION(&self->owner);
	ASSERT_EQ(0, owner_listen(&self->owner));
}

FIXTURE_TEARDOWN(readers)
{
	owner_close(&self->owner);
}

/* The events that several readers have taken together. */
struct readers {
	struct owner *owner;
	pthread_t thread[READERS_MAX];
	int next;		/* number of the reader that starts next */
	bool stop;		/* no more events will come */
	int seen[EVENTS + 1];	/* reads of each event number */
	int wrong;		/* events with a wrong number, and failed reads */
};

static void note(struct readers *readers, enum interface by, const void *buf)
{
	const struct vfio_device_zpci_err_region *event = buf;
	int number = number_of(readers->owner, by, buf);

	/* Each error causes one event, so the sequence number equals the number of the error. */
	if (number < 1 || number > EVENTS ||
	    (by == BY_REGION && event->sequence != (__u64)number))
		__atomic_add_fetch(&readers->wrong, 1, __ATOMIC_RELAXED);
	else
		__atomic_add_fetch(&readers->seen[number], 1, __ATOMIC_RELAXED);
}

static void *read_all(void *arg)
{
	struct readers *readers = arg;
	enum interface by = __atomic_fetch_add(&readers->next, 1, __ATOMIC_RELAXED) % 2 ?
			    BY_REGION : BY_FEATURE;
	bool stop;
	__u8 buf[LEN];
	int ret;

	do {
		/*
		 * Read the flag before the queue: an event from before the flag is then
		 * not missed.
		 */
		stop = __atomic_load_n(&readers->stop, __ATOMIC_ACQUIRE);
		ret = take(readers->owner, by, buf);
		if (!ret && number_of(readers->owner, by, buf)) {
			note(readers, by, buf);
			stop = false;
			continue;
		}
		if (ret && ret != -ENOMSG)
			__atomic_add_fetch(&readers->wrong, 1, __ATOMIC_RELAXED);
		sleep_ms(1);
	} while (!stop);
	return NULL;
}

static int readers_start(struct readers *readers, int count)
{
	int i, ret = 0;

	readers->stop = false;
	for (i = 0; !ret && i < count; i++)
		ret = pthread_create(&readers->thread[i], NULL, read_all, readers);
	return ret;
}

static void readers_end(struct readers *readers, int count)
{
	__atomic_store_n(&readers->stop, true, __ATOMIC_RELEASE);
	while (count--)
		pthread_join(readers->thread[count], NULL);
}

/*
 * Several readers use both interfaces while errors and resets go on: each event comes
 * exactly once, and none is missing. Validates 21, 22.
 */
TEST_F_TIMEOUT(readers, each_event_once, 120)
{
	struct owner *owner = &self->owner;
	struct readers *readers = calloc(1, sizeof(*readers));
	int i;

	ASSERT_NE(NULL, readers);
	readers->owner = owner;
	ASSERT_EQ(0, readers_start(readers, variant->count));
	EXPECT_EQ(0, fail_and_recover(owner, 1, LIVE));
	readers_end(readers, variant->count);

	/* The last events are in the queue before the readers start. */
	EXPECT_EQ(0, fail_and_recover(owner, LIVE + 1, EVENTS));
	ASSERT_EQ(0, readers_start(readers, variant->count));
	readers_end(readers, variant->count);

	EXPECT_EQ(0, readers->wrong);
	for (i = 1; i <= EVENTS; i++) {
		EXPECT_EQ(1, readers->seen[i])
			TH_LOG("event %d", i);
	}
	EXPECT_NO_EVENT(owner);
	EXPECT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	free(readers);
}

TEST_HARNESS_MAIN
