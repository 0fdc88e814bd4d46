// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races: error events come while something else is done to the function, again and
 * again, for each such operation (its "opponent"). After each round each event has
 * reached the right owner once, and the function works.
 *
 * ZPCI_LONG=1 in the environment makes the loops long; ZPCI_SEED is the seed of the
 * random moments.
 */
#include <fcntl.h>
#include <pthread.h>

#include "kselftest_harness.h"

#include "error_event.h"
#include "host.h"
#include "inject.h"
#include "long.h"
#include "module.h"
#include "wait.h"

/* The function that is plugged: its UID is its PCI domain. */
#define HOT_UID		96
#define HOT_ADDRESS	"0060:00:00.0"
#define HOT_SLOT	"00000060"

#define DRIVER_MODULE	"vfio_pci"
#define INJECTOR_MODULE	"zpci_inject"

/* The most events in one round; all of them fit into the queue. */
#define EVENTS_MAX	4

/* One of this many events is a permanent failure. */
#define PERMANENT_EVERY	16

/* The number of rounds. An opponent that takes seconds has fewer. */
#define ROUNDS		times(20, 1000)
#define ROUNDS_SLOW	times(3, 200)

/* The number of failures that are printed in detail. */
#define TOLD_MAX	5

/**
 * struct race - a function, its events, and an opponent
 *
 * @opponent: what is done while events come
 * @address: the function
 * @slot: its slot
 * @driver: its driver
 * @name: QEMU's name of the function, if it was plugged
 * @fn: the function, while it is open
 * @region: its error region
 * @event: eventfds for errors
 * @request: eventfd by which the kernel asks the owner to close the function
 * @random: state of the random numbers
 * @ccdf: the next event
 * @number: number of the event that came last; it is its failing address
 * @first: number of the first event of this round
 * @events: events of this round
 * @moments: nanoseconds between them
 * @span: how long the opponent takes, in nanoseconds
 * @injected: 0, or the error of an injection
 * @start: barrier at which injector and opponent begin
 * @end: barrier at which both are done
 * @over: there is no further round
 */
struct race {
	const struct opponent *opponent;
	char address[PCI_ADDRESS_LEN];
	char slot[16];
	const char *driver;
	__u64 name;
	struct vfio_function fn;
	struct vfio_region_info region;
	int event[2];
	int request;
	__u64 random;
	struct ccdf ccdf;
	__u64 number;
	__u64 first;
	unsigned int events;
	__u64 moments[EVENTS_MAX];
	__u64 span;
	int injected;
	pthread_barrier_t start;
	pthread_barrier_t end;
	bool over;
};

/**
 * struct opponent - what is done while events come
 *
 * @name: its name in the figures
 * @before: preparation, without events
 * @act: the operation, during which events come
 * @after: checks the function and its events afterwards
 * @take: takes the function away
 * @give: gives it back
 * @plugged: a function is plugged for this opponent
 * @closed: nobody may have the function open
 * @no_injector: the injector may be gone
 * @awaits: ends only when all events have come, so its duration means nothing
 */
struct opponent {
	const char *name;
	int (*before)(struct race *race);
	int (*act)(struct race *race);
	int (*after)(struct race *race);
	int (*take)(struct race *race);
	int (*give)(struct race *race);
	bool plugged;
	bool closed;
	bool no_injector;
	bool awaits;
};

/* An event during the open may make it fail; a few more attempts must succeed. */
static int race_open(struct race *race, enum vfio_mode mode)
{
	int ret, tries = 3;

	do {
		ret = vfio_open(&race->fn, race->address, mode);
	} while ((ret == -EIO || ret == -EAGAIN || ret == -ENODEV) && --tries);
	if (!ret)
		ret = error_region_find(&race->fn, &race->region);
	if (ret)
		vfio_close(&race->fn);
	return ret;
}

/* Chooses one of the two ways to open a function, at random. */
static enum vfio_mode race_mode(struct race *race)
{
	return random_next(&race->random) & 1 ? VFIO_CDEV_IOMMUFD : VFIO_GROUP_TYPE1;
}

/* Opens the function, and checks that no event of an earlier owner is left. */
static int open_fresh(struct race *race)
{
	struct vfio_device_zpci_err_region event;
	int ret = race_open(race, race_mode(race));

	if (!ret)
		ret = error_region_take(&race->fn, &race->region, &event);
	if (!ret && (event.flags || event.dropped))
		ret = -EEXIST;
	return ret;
}

static int open_and_listen(struct race *race)
{
	int ret = open_fresh(race);

	event_clear(race->event[0]);
	return ret ? ret : error_listen(&race->fn, race->event[0]);
}

/* Takes the next event and returns its number; 0 if there is none, or -errno. */
static __s64 take_number(struct race *race, __u64 *sequence)
{
	struct vfio_device_zpci_err_region event;
	struct ccdf ccdf;
	int ret = error_region_take(&race->fn, &race->region, &event);

	if (ret)
		return ret;
	if (event.dropped)
		return -EOVERFLOW;
	ccdf_decode(event.ccdf, &ccdf);
	*sequence = event.sequence;
	return event.flags & VFIO_ZPCI_ERR_PRESENT ? (__s64)ccdf.faddr : 0;
}

/*
 * Takes all events of the round, and checks that each one comes once and in order, and
 * no other.
 */
static int take_all(struct race *race)
{
	__u64 deadline = deadline_in(PATIENCE_MS), sequence;
	unsigned int i = 0;
	__s64 number;

	while (i < race->events) {
		number = take_number(race, &sequence);
		if (number < 0)
			return number;
		if (!number) {
			if (!wait_on(deadline))
				return -ETIMEDOUT;
			continue;
		}
		if (number != (__s64)(race->first + i) || sequence != ++i)
			return -EILSEQ;
	}
	return take_number(race, &sequence) ? -EEXIST : 0;
}

/*
 * Injects the next event with the function's present handle. A function that is away
 * has no handle.
 */
static int inject_now(struct race *race)
{
	inject_aim(race->address, &race->ccdf);
	return inject_ccdf(INJECT_ERROR, &race->ccdf);
}

/*
 * Resets and closes the function at the end of a round; @ret is the result of the round
 * so far.
 */
static int reset_and_close(struct race *race, int ret)
{
	ret = ret ?: vfio_reset(&race->fn);
	vfio_close(&race->fn);
	return ret;
}

static int nothing(struct race *race)
{
	(void)race;
	return 0;
}

static int act_open(struct race *race)
{
	return race_open(race, race_mode(race));
}

/*
 * Injects one more event behind all others, and takes all events: they are in order,
 * and with @behind none is missing after the first one.
 */
static int take_rest(struct race *race, bool behind)
{
	__u64 deadline = deadline_in(PATIENCE_MS), sequence, last = 0, known = 0;
	__s64 number;
	int ret = 0;

	race->ccdf.faddr = ++race->number;
	ret = inject_now(race);
	while (!ret && last != race->number) {
		number = take_number(race, &sequence);
		if (number < 0)
			ret = number;
		else if (!number)
			ret = wait_on(deadline) ? 0 : -ETIMEDOUT;
		else if (number < (__s64)race->first || number <= (__s64)last ||
			 (behind && last && number != (__s64)last + 1) || sequence != ++known)
			ret = -EILSEQ;
		else
			last = number;
	}
	return reset_and_close(race, ret);
}

/* The owner has several events, which are the last ones of the round. */
static int after_open(struct race *race)
{
	return take_rest(race, true);
}

static int act_close(struct race *race)
{
	vfio_close(&race->fn);
	return 0;
}

/* Registers the other eventfd, then none, then the first one again. */
static int act_set_irqs(struct race *race)
{
	int i, ret = 0;

	for (i = 0; !ret && i < 8; i++) {
		ret = error_listen(&race->fn, i % 4 < 2 ? race->event[i % 2] : -1);
		if (i % 4 == 3 && !ret)
			ret = error_listen(&race->fn, race->event[1]);
	}
	event_clear(race->event[0]);
	return ret ?: error_listen(&race->fn, race->event[0]);
}

/* Waiting events signal the eventfd that is registered last. */
static int after_set_irqs(struct race *race)
{
	int ret = event_wait(race->event[0], PATIENCE_MS);

	ret = ret ?: take_all(race);
	return reset_and_close(race, ret);
}

static int act_reset(struct race *race)
{
	return vfio_reset(&race->fn);
}

/* The owner may miss events that a reset has made stale. */
static int after_reset(struct race *race)
{
	return take_rest(race, false);
}

/* A thread that reads events, by the region or by the feature. */
struct reader {
	struct race *race;
	pthread_t thread;
	bool by_feature;
	unsigned int *left;
	unsigned int *seen;
	int result;
};

static void *read_until_none_left(void *arg)
{
	__u64 deadline = deadline_in(PATIENCE_MS), sequence, last = 0;
	struct reader *reader = arg;
	struct race *race = reader->race;
	struct ccdf ccdf = { 0 };
	__u8 raw[CCDF_LEN];
	__s64 number;

	while (__atomic_load_n(reader->left, __ATOMIC_ACQUIRE)) {
		if (reader->by_feature) {
			number = error_feature_take(&race->fn, raw);
			ccdf_decode(raw, &ccdf);
			number = number == -ENOMSG ? 0 : number ?: (__s64)ccdf.faddr;
		} else {
			number = take_number(race, &sequence);
		}
		if (!number && now_ns() < deadline)
			continue;
		if (number <= (__s64)last || number < (__s64)race->first) {
			reader->result = number < 0 ? number : !number ? -ETIMEDOUT : -EILSEQ;
			break;
		}
		last = number;
		__atomic_add_fetch(&reader->seen[number - race->first], 1, __ATOMIC_RELAXED);
		__atomic_sub_fetch(reader->left, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static int act_two_readers(struct race *race)
{
	unsigned int seen[EVENTS_MAX + 1] = { 0 }, left = race->events, i;
	struct reader readers[2] = { 0 };
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		readers[i] = (struct reader) {
			.race = race, .by_feature = i, .left = &left, .seen = seen,
		};
		if (pthread_create(&readers[i].thread, NULL, read_until_none_left, &readers[i]))
			return -EAGAIN;
	}
	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		pthread_join(readers[i].thread, NULL);
		ret = ret ?: readers[i].result;
	}
	for (i = 0; !ret && i < race->events; i++)
		ret = seen[i] == 1 ? 0 : -EILSEQ;
	return ret;
}

static int after_two_readers(struct race *race)
{
	__u64 sequence;
	int ret = take_number(race, &sequence) ? -EEXIST : 0;

	return reset_and_close(race, ret);
}

/* In half of the rounds an owner has the function open, and closes it when the kernel asks. */
static int before_taking(struct race *race)
{
	int ret;

	if (race->opponent->closed || random_next(&race->random) & 1)
		return 0;
	ret = open_and_listen(race);
	event_clear(race->request);
	return ret ?: vfio_irq_set(&race->fn, VFIO_PCI_REQ_IRQ_INDEX, &race->request, 1);
}

/*
 * Takes the function away in a thread, because that waits until the owner has closed
 * the function.
 */
struct taking {
	struct race *race;
	int result;
};

static void *take_away(void *arg)
{
	struct taking *taking = arg;

	taking->result = taking->race->opponent->take(taking->race);
	return NULL;
}

static int act_taking(struct race *race)
{
	struct taking taking = { .race = race };
	pthread_t thread;
	int ret = 0;

	if (race->fn.device < 0) {
		take_away(&taking);
	} else {
		if (pthread_create(&thread, NULL, take_away, &taking))
			return -EAGAIN;
		ret = event_wait(race->request, PATIENCE_MS);
		vfio_close(&race->fn);
		pthread_join(thread, NULL);
	}
	ret = ret ?: taking.result;
	return race->opponent->give(race) ?: ret;
}

/* The next owner finds no events and a working function. */
static int after_taking(struct race *race)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	int ret;

	/* A function that has just been plugged cannot be opened at first. */
	do {
		ret = open_fresh(race);
	} while (ret && ret != -EEXIST && race->opponent->plugged && wait_on(deadline));
	return reset_and_close(race, ret);
}

static int take_unbind(struct race *race)
{
	return pci_unbind(race->address);
}

static int give_bind(struct race *race)
{
	return pci_bind(race->address, race->driver);
}

/* A function that has just been plugged cannot be bound at first. */
static int give_bind_new(struct race *race)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	int ret = pci_wait_present(race->address, true, PATIENCE_MS);

	while (!ret && (ret = give_bind(race)) && wait_on(deadline))
		ret = 0;
	return ret;
}

static int take_power(struct race *race)
{
	return pci_slot_power(race->slot, false);
}

static int give_power(struct race *race)
{
	int ret = pci_slot_power(race->slot, true);

	return ret ?: give_bind_new(race);
}

static int take_unplug(struct race *race)
{
	host_unplug(race->name);
	return pci_wait_slot(race->slot, false, PATIENCE_MS);
}

static int give_plug(struct race *race)
{
	race->name = host_plug_nvme(HOT_UID);
	return give_bind_new(race);
}

static int take_driver(struct race *race)
{
	(void)race;
	return module_unload(DRIVER_MODULE);
}

static int give_driver(struct race *race)
{
	int ret = module_load(DRIVER_MODULE);

	return ret ?: give_bind(race);
}

/* Unloads the injector while one of its files is open: a write to the file then fails. */
static int take_injector(struct race *race)
{
	int fd = inject_open(INJECT_ERROR), ret;
	__u8 raw[CCDF_LEN];

	if (fd < 0)
		return fd;
	ret = module_unload(INJECTOR_MODULE);
	ccdf_encode(&race->ccdf, raw);
	if (!ret && pwrite(fd, raw, sizeof(raw), 0) >= 0)
		ret = -EPROTO;
	close(fd);
	return ret;
}

static int give_injector(struct race *race)
{
	(void)race;
	return module_load(INJECTOR_MODULE);
}

static const struct opponent opponents[] = {
	{ .name = "open", .before = nothing, .act = act_open, .after = after_open },
	{ .name = "close", .before = open_and_listen, .act = act_close, .after = nothing },
	{ .name = "SET_IRQS", .before = open_and_listen, .act = act_set_irqs,
	  .after = after_set_irqs },
	{ .name = "reset", .before = open_and_listen, .act = act_reset, .after = after_reset },
	{ .name = "two readers", .before = open_and_listen, .act = act_two_readers,
	  .after = after_two_readers, .awaits = true },
	{ .name = "unbind", .before = before_taking, .act = act_taking, .after = after_taking,
	  .take = take_unbind, .give = give_bind },
	{ .name = "slot power", .before = before_taking, .act = act_taking,
	  .after = after_taking, .take = take_power, .give = give_power },
	{ .name = "hot unplug", .before = before_taking, .act = act_taking,
	  .after = after_taking, .take = take_unplug, .give = give_plug, .plugged = true },
	{ .name = "unloading the driver", .before = before_taking, .act = act_taking,
	  .after = after_taking, .take = take_driver, .give = give_driver, .closed = true },
	{ .name = "unloading the injector", .before = nothing, .act = act_taking,
	  .after = after_taking, .take = take_injector, .give = give_injector,
	  .closed = true, .no_injector = true },
};

enum opponent_name {
	OPEN, CLOSE, SET_IRQS, RESET, TWO_READERS, UNBIND, SLOT_POWER, HOT_UNPLUG,
	UNLOAD_DRIVER, UNLOAD_INJECTOR,
};

static void wait_for_moment(__u64 ns)
{
	__u64 end = now_ns() + ns;

	while (now_ns() < end)
		;
}

static int inject_next(struct race *race)
{
	bool permanent = !(++race->number % PERMANENT_EVERY);

	race->ccdf.faddr = race->number;
	race->ccdf.pec = permanent ? PEC_LOST : PEC_ERROR_STATE;
	return inject_now(race);
}

/* Injects the events of each round, in a thread. */
static void *inject_on(void *arg)
{
	struct race *race = arg;
	unsigned int i;
	int ret;

	for (;;) {
		pthread_barrier_wait(&race->start);
		if (race->over)
			return NULL;
		for (i = 0; i < race->events; i++) {
			wait_for_moment(race->moments[i]);
			ret = inject_next(race);
			race->injected = race->injected ?: ret;
		}
		pthread_barrier_wait(&race->end);
	}
}

/* Does one round. Returns 0, or an error and in @where the step that has failed. */
static int round_of(struct race *race, const char **where)
{
	__u64 begin, delay;
	unsigned int i;
	int ret, acted;

	race->injected = 0;
	race->first = race->number + 1;
	race->events = 1 + random_below(&race->random, EVENTS_MAX);
	for (i = 0; i < race->events; i++)
		race->moments[i] = random_below(&race->random, race->span);
	delay = random_below(&race->random, race->span / 4 + 1);
	*where = "before";
	ret = race->opponent->before(race);
	if (ret)
		return ret;

	pthread_barrier_wait(&race->start);
	wait_for_moment(delay);
	begin = now_ns();
	acted = race->opponent->act(race);
	/* The test spreads events over the opponent's duration, so that few come after it. */
	if (!race->opponent->awaits)
		race->span = (race->span * 7 + now_ns() - begin) / 8;
	pthread_barrier_wait(&race->end);
	*where = "meanwhile";
	if (acted)
		return acted;
	*where = "injecting";
	if (race->injected && !race->opponent->no_injector)
		return race->injected;
	*where = "after";
	return race->opponent->after(race);
}

/* An error is reported to the owner, which recovers the function. */
static int recovers(struct race *race)
{
	int ret;

	race->events = 1;
	race->first = ++race->number;
	race->ccdf.faddr = race->number;
	race->ccdf.pec = PEC_ERROR_STATE;
	ret = open_and_listen(race);
	ret = ret ?: inject_now(race);
	ret = ret ?: event_wait(race->event[0], PATIENCE_MS);
	ret = ret ?: take_all(race);
	ret = reset_and_close(race, ret);
	return ret ?: pci_answers(race->address) ? 0 : -EIO;
}

FIXTURE(race) {
	struct race race;
};

FIXTURE_VARIANT(race) {
	enum opponent_name opponent;
};

FIXTURE_VARIANT_ADD(race, open) { .opponent = OPEN };
FIXTURE_VARIANT_ADD(race, close) { .opponent = CLOSE };
FIXTURE_VARIANT_ADD(race, set_irqs) { .opponent = SET_IRQS };
FIXTURE_VARIANT_ADD(race, reset) { .opponent = RESET };
FIXTURE_VARIANT_ADD(race, two_readers) { .opponent = TWO_READERS };
FIXTURE_VARIANT_ADD(race, unbind) { .opponent = UNBIND };
FIXTURE_VARIANT_ADD(race, slot_power) { .opponent = SLOT_POWER };
FIXTURE_VARIANT_ADD(race, hot_unplug) { .opponent = HOT_UNPLUG };
FIXTURE_VARIANT_ADD(race, unload_driver) { .opponent = UNLOAD_DRIVER };
FIXTURE_VARIANT_ADD(race, unload_injector) { .opponent = UNLOAD_INJECTOR };

FIXTURE_SETUP(race)
{
	struct race *race = &self->race;

	race->opponent = &opponents[variant->opponent];
	race->driver = "vfio-pci";
	race->random = random_seed();
	race->span = 200000;
	race->fn.iommu = -1;
	race->fn.group = -1;
	race->fn.device = -1;
	race->event[0] = event_new();
	race->event[1] = event_new();
	race->request = event_new();
	ASSERT_LE(0, race->request);
	if (!inject_load())
		SKIP(return, "there is no " INJECTOR_MODULE);
	if (race->opponent->plugged) {
		memcpy(race->address, HOT_ADDRESS, sizeof(HOT_ADDRESS));
		memcpy(race->slot, HOT_SLOT, sizeof(HOT_SLOT));
		if (give_plug(race))
			SKIP(return, "nobody plugs functions for this machine");
	} else {
		/* A function without PCIe needs no FLR, so it is reset much faster. */
		if (pci_find(PCI_KIND_NON_PCIE, race->address))
			ASSERT_EQ(0, pci_find(PCI_KIND_NVME, race->address));
		ASSERT_EQ(0, pci_slot(race->address, race->slot, sizeof(race->slot)));
		ASSERT_EQ(0, pci_bind(race->address, race->driver));
	}
	ASSERT_EQ(0, pthread_barrier_init(&race->start, NULL, 2));
	ASSERT_EQ(0, pthread_barrier_init(&race->end, NULL, 2));
}

FIXTURE_TEARDOWN(race)
{
	struct race *race = &self->race;

	vfio_close(&race->fn);
	if (race->name)
		take_unplug(race);
	else
		pci_bind(race->address, "vfio-pci");
}

/*
 * Error events against all opponents: each event reaches the right owner, and the
 * function works after each round. Validates 32, 40, 41, 42, 52, 88, 91.
 */
TEST_F_TIMEOUT(race, against_events, 14400)
{
	int ret, round, failures = 0;
	struct race *race = &self->race;
	int rounds = race->opponent->take ? ROUNDS_SLOW : ROUNDS;
	const char *where;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, inject_on, race));
	for (round = 1; round <= rounds; round++) {
		ret = round_of(race, &where);
		if (!ret)
			continue;
		vfio_close(&race->fn);
		if (++failures <= TOLD_MAX)
			TH_LOG("round %d, %s: %d", round, where, ret);
	}
	race->over = true;
	pthread_barrier_wait(&race->start);
	pthread_join(thread, NULL);
	figures("race, event x %s: %d rounds, %d failures", race->opponent->name, rounds,
		failures);
	EXPECT_EQ(0, failures);
	EXPECT_EQ(0, recovers(race));
}

TEST_HARNESS_MAIN
