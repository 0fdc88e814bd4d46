// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storms: events of many functions at once, and bursts of thousands; each function has
 * an owner. Each event is delivered once and in order, or is counted as dropped.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "fixture.h"
#include "inject.h"
#include "kmsg.h"
#include "long.h"
#include "meminfo.h"

#define FUNCTIONS_MAX	64
#define INJECTORS	4

/* The number of real errors of each function. */
#define ROUNDS		2

/* One of this many events is a permanent failure. */
#define PERMANENT_EVERY	250

/* The most permanent failures of an owner that are unread, so that none is dropped. */
#define PERMANENT_MAX	8

/* The most additional memory of the kernel in a storm: per function, and in all. */
#define MEMORY_PER_FUNCTION_KB	64
#define MEMORY_KB		4096

/* The most messages in the log: a limit for each function, and one per second for the others. */
#define MESSAGES_PER_SECOND(functions)	(40 + 2 * (functions))
#define MESSAGES(functions)		(100 + 20 * (functions))

/**
 * struct victim - a function in the storm, with its owner
 *
 * @address: its PCI address
 * @owner: its owner
 * @status: its status page
 * @ccdf: the next event to inject
 * @thread: the thread of with_all()
 * @result: the result of that thread
 * @steady: the owner reads all the time, and not only after a burst
 * @stop: the burst is over
 * @sent: number of events so far; it is the failing address of an injected one
 * @permanent_sent: number of permanent failures among them
 * @permanent_got: number of permanent failures that were delivered
 * @delivered: events that were delivered
 * @disordered: events that came twice, or before an older one
 * @sequence: number of the event that came last, as the kernel counts
 * @number: number of the event that came last, as this test counts
 * @dropped: events that the kernel has counted as dropped
 */
struct victim {
	char address[PCI_ADDRESS_LEN];
	struct owner owner;
	const struct vfio_device_zpci_err_status *status;
	struct ccdf ccdf;
	pthread_t thread;
	int result;
	bool steady;
	bool stop;
	__u64 sent;
	unsigned int permanent_sent;
	unsigned int permanent_got;
	__u64 delivered;
	__u64 disordered;
	__u64 sequence;
	__u64 number;
	__u32 dropped;
};

/* A thread that injects events into every nth function. */
struct injector {
	struct victim *victims;
	pthread_t thread;
	int first;
	int count;
	int burst;
	int result;
};

FIXTURE(storm) {
	struct victim victims[FUNCTIONS_MAX];
	int count;
};

FIXTURE_VARIANT(storm) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(storm, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(storm, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

static enum vfio_mode storm_mode;

static void *open_one(void *arg)
{
	struct victim *victim = arg;
	int ret = pci_bind(victim->address, "vfio-pci");

	if (!ret)
		ret = owner_open_at(&victim->owner, victim->address, storm_mode);
	if (!ret)
		ret = error_status_map(&victim->owner.fn, &victim->owner.region, &victim->status);
	if (!ret)
		ret = owner_listen(&victim->owner);
	if (!ret)
		ret = inject_aim(victim->address, &victim->ccdf);
	victim->result = ret;
	return NULL;
}

static void *close_one(void *arg)
{
	struct victim *victim = arg;

	if (victim->status)
		munmap((void *)victim->status, sysconf(_SC_PAGESIZE));
	owner_close(&victim->owner);
	victim->result = 0;
	return NULL;
}

static void *recover_one(void *arg)
{
	struct victim *victim = arg;

	victim->result = owner_recover(&victim->owner);
	if (!victim->result)
		victim->result = nvme_verify(&victim->owner.nvme, TEST_BLOCK);
	return NULL;
}

/* Calls a function for all victims, each in a thread. Returns how many calls have failed. */
static int with_all(struct __test_metadata *_metadata, struct victim *victims, int count,
		    void *(*action)(void *))
{
	int i, failed = 0;

	for (i = 0; i < count; i++)
		if (pthread_create(&victims[i].thread, NULL, action, &victims[i]))
			return -EAGAIN;
	for (i = 0; i < count; i++) {
		pthread_join(victims[i].thread, NULL);
		if (!victims[i].result)
			continue;
		failed++;
		TH_LOG("%s: %d", victims[i].address, victims[i].result);
	}
	return failed;
}

#define WITH_ALL(...)	with_all(_metadata, __VA_ARGS__)

FIXTURE_SETUP(storm)
{
	char found[FUNCTIONS_MAX][PCI_ADDRESS_LEN];
	int i;

	if (!inject_load())
		SKIP(return, "there is no zpci_inject");
	self->count = pci_find_all(PCI_KIND_NVME, found, FUNCTIONS_MAX);
	ASSERT_LT(0, self->count);
	storm_mode = variant->mode;
	for (i = 0; i < self->count; i++) {
		memcpy(self->victims[i].address, found[i], PCI_ADDRESS_LEN);
		self->victims[i].owner.error_event = -1;
		self->victims[i].steady = i % 2;
	}
	ASSERT_EQ(0, WITH_ALL(self->victims, self->count, open_one));
}

FIXTURE_TEARDOWN(storm)
{
	WITH_ALL(self->victims, self->count, close_one);
}

/* Takes all events of a victim, and counts and checks them. */
static int drain(struct victim *victim)
{
	struct vfio_device_zpci_err_region event;
	struct ccdf ccdf;
	int ret;

	for (;;) {
		ret = error_region_take(&victim->owner.fn, &victim->owner.region, &event);
		if (ret)
			return ret;
		victim->dropped = event.dropped;
		if (!(event.flags & VFIO_ZPCI_ERR_PRESENT))
			return 0;
		victim->delivered++;
		victim->disordered += event.sequence <= victim->sequence;
		victim->sequence = event.sequence;
		ccdf_decode(event.ccdf, &ccdf);
		if (ccdf.pec == PEC_DMA_ACCESS)
			continue;
		victim->disordered += ccdf.faddr <= victim->number;
		victim->number = ccdf.faddr;
		if (event.flags & VFIO_ZPCI_ERR_PERMANENT)
			__atomic_add_fetch(&victim->permanent_got, 1, __ATOMIC_RELEASE);
	}
}

/* Waits until the kernel has processed all events of a function. */
static int wait_seen(struct victim *victim)
{
	__u64 deadline = deadline_in(PATIENCE_MS);

	while (__atomic_load_n(&victim->status->generation, __ATOMIC_ACQUIRE) < victim->sent)
		if (!wait_on(deadline))
			return -ETIMEDOUT;
	return 0;
}

/* The sums over all functions. */
struct sum {
	__u64 events, delivered, dropped, disordered;
	unsigned int permanent, permanent_lost;
};

static struct sum sum_of(struct victim *victims, int count)
{
	struct sum sum = { 0 };
	int i;

	for (i = 0; i < count; i++) {
		sum.events += victims[i].sent;
		sum.delivered += victims[i].delivered;
		sum.dropped += victims[i].dropped;
		sum.disordered += victims[i].disordered;
		sum.permanent += victims[i].permanent_sent;
		sum.permanent_lost += victims[i].permanent_sent - victims[i].permanent_got;
	}
	return sum;
}

static void expect_accounted(struct __test_metadata *_metadata, const char *name,
			     struct victim *victims, int count)
{
	struct sum sum = sum_of(victims, count);

	figures("storm, %s: %llu events, %llu delivered, %llu dropped, %lld unaccounted", name,
		sum.events, sum.delivered, sum.dropped,
		(long long)(sum.events - sum.delivered - sum.dropped));
	figures("storm, %s: %d functions, %u permanent failures, %u lost, %llu out of order", name,
		count, sum.permanent, sum.permanent_lost, sum.disordered);
	EXPECT_LT(0, sum.delivered);
	EXPECT_EQ(sum.events, sum.delivered + sum.dropped);
	EXPECT_EQ(0, sum.disordered);
	EXPECT_EQ(0, sum.permanent_lost);
}

static pthread_barrier_t all_ready;

/*
 * Causes a real error of one function, at the same time as all others: the owner is
 * woken and recovers.
 */
static void *suffer_one(void *arg)
{
	struct victim *victim = arg;
	int ret;

	pthread_barrier_wait(&all_ready);
	victim->sent++;
	ret = owner_suffer(&victim->owner);
	if (!ret)
		ret = drain(victim);
	if (!ret)
		ret = owner_recover(&victim->owner);
	victim->result = ret;
	return NULL;
}

/* All functions have a real error at the same moment. Validates 7, 26. */
TEST_F_TIMEOUT(storm, all_at_once, 1800)
{
	int i;

	ASSERT_EQ(0, pthread_barrier_init(&all_ready, NULL, self->count));
	for (i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, WITH_ALL(self->victims, self->count, suffer_one));
	expect_accounted(_metadata, "real errors", self->victims, self->count);
	EXPECT_EQ(0, sum_of(self->victims, self->count).dropped);
	EXPECT_EQ(0, WITH_ALL(self->victims, self->count, recover_one));
}

/* An owner in a storm: reads while events come, or only after the burst. */
static void *read_one(void *arg)
{
	struct victim *victim = arg;
	int ret = 0;

	while (!ret && !__atomic_load_n(&victim->stop, __ATOMIC_ACQUIRE)) {
		if (!victim->steady) {
			sleep_ms(100);
			continue;
		}
		if (!event_wait(victim->owner.error_event, 100))
			ret = drain(victim);
	}
	if (!ret)
		ret = wait_seen(victim);
	if (!ret)
		ret = drain(victim);
	victim->result = ret;
	return NULL;
}

static int inject_one(struct victim *victim, int fd)
{
	bool permanent = !(victim->sent % PERMANENT_EVERY) &&
		victim->permanent_sent - __atomic_load_n(&victim->permanent_got, __ATOMIC_ACQUIRE) <
		PERMANENT_MAX;
	__u8 raw[CCDF_LEN];

	victim->ccdf.pec = permanent ? PEC_LOST : PEC_ERROR_STATE;
	victim->ccdf.faddr = ++victim->sent;
	victim->permanent_sent += permanent;
	ccdf_encode(&victim->ccdf, raw);
	return pwrite(fd, raw, sizeof(raw), 0) == sizeof(raw) ? 0 : -errno;
}

/* Injects a burst of events into this injector's functions, one event each in turn. */
static void *inject_many(void *arg)
{
	struct injector *injector = arg;
	int fd = inject_open(INJECT_ERROR);
	int i, at, ret = fd < 0 ? fd : 0;

	for (i = 0; i < injector->burst; i++)
		for (at = injector->first; !ret && at < injector->count; at += INJECTORS)
			ret = inject_one(&injector->victims[at], fd);
	if (fd >= 0)
		close(fd);
	injector->result = ret;
	return NULL;
}

/*
 * Injects a burst into all functions. @used returns the additional memory of the
 * kernel, in KiB.
 */
static int burst(struct victim *victims, int count, int events, long *used)
{
	struct injector injectors[INJECTORS];
	long before = meminfo("SUnreclaim:");
	int i, ret = 0;

	for (i = 0; i < count; i++) {
		victims[i].stop = false;
		if (pthread_create(&victims[i].thread, NULL, read_one, &victims[i]))
			return -EAGAIN;
	}
	for (i = 0; i < INJECTORS; i++) {
		injectors[i] = (struct injector) {
			.victims = victims, .first = i, .count = count, .burst = events,
		};
		if (pthread_create(&injectors[i].thread, NULL, inject_many, &injectors[i]))
			return -EAGAIN;
	}
	for (i = 0; i < INJECTORS; i++) {
		pthread_join(injectors[i].thread, NULL);
		ret = ret ?: injectors[i].result;
	}
	*used = meminfo("SUnreclaim:") - before;
	for (i = 0; i < count; i++)
		__atomic_store_n(&victims[i].stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < count; i++) {
		pthread_join(victims[i].thread, NULL);
		ret = ret ?: victims[i].result;
	}
	return ret;
}

/*
 * Thousands of events for all functions; some owners read all the time, others
 * afterwards. All events are accounted for, no permanent failure is dropped, memory and
 * log stay bounded, and each function works at the end. Validates 4, 5, 24.
 */
TEST_F_TIMEOUT(storm, bursts, 3600)
{
	/* A debug kernel is more than ten times slower. */
	const int events = meminfo_is_exact() ? 500 : 100;
	long long first, messages, allowed;
	long used, before, after;
	__u64 start = now_ns();

	first = kmsg_sequence();
	ASSERT_LE(0, first);
	before = meminfo("SUnreclaim:");
	ASSERT_EQ(0, burst(self->victims, self->count, events, &used));
	after = meminfo("SUnreclaim:");
	messages = kmsg_sequence() - first - 1;
	allowed = MESSAGES(self->count) +
		  (now_ns() - start) / 1000000000 * MESSAGES_PER_SECOND(self->count);
	expect_accounted(_metadata, "bursts", self->victims, self->count);
	figures("storm, bursts: %llu s, at most %ld KiB of slab, %ld KiB at the end, %lld messages",
		(now_ns() - start) / 1000000000, used, after - before, messages);
	if (meminfo_is_exact()) {
		EXPECT_GT(MEMORY_KB + self->count * MEMORY_PER_FUNCTION_KB, used);
		EXPECT_GT(MEMORY_KB, after - before);
	}
	EXPECT_GT(allowed, messages);
	EXPECT_EQ(0, WITH_ALL(self->victims, self->count, recover_one));
}

TEST_HARNESS_MAIN
