// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures the costs of an error for its owner, in a guest whose clock counts
 * instructions; scripts/report/bench runs it, on the kernel with Rust and on the one
 * with C:
 *
 *	zpci_bench one [EVENTS]		one function, one error after the other
 *	zpci_bench many COUNT...	so many functions in error at once
 *
 * Each figure is a line "bench: NAME VALUE...", each measure that could not be taken a
 * line "bench-none: NAME REASON". The steps that are not timed are the same on both
 * kernels, and are those that C needs.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error_event.h"
#include "nvme.h"
#include "nvme_regs.h"
#include "owner.h"
#include "vfio_info.h"
#include "wait.h"

#define EVENTS		64	/* errors of one function, by default */
#define FUNCTIONS	64	/* most functions in error at once */
#define REPEATS		32	/* measurements that need no error */
#define DMA_SIZE	0x1000
#define RECOVERIES	8	/* recoveries that are timed as a whole */
#define POLLS		1000	/* looks at the mapped page in one measurement */
#define SETTLE_MS	50	/* after this time the kernel has sent all reports */

/**
 * struct target - a function that is made to fail
 *
 * @fn: the function
 * @region: the error region, where there is one
 * @event: eventfd for errors; reads of it wait
 * @mem: memory that is mapped for the device
 * @start: first address for DMA
 * @rung: when the doorbell was rung
 * @woken: this round's error has been signalled
 */
struct target {
	struct vfio_function fn;
	struct vfio_region_info region;
	int event;
	void *mem;
	__u64 start;
	__u64 rung;
	bool woken;
};

static __u64 cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Ends the program if a step has failed that all later ones need. */
static void need(int ret, const char *what)
{
	if (ret >= 0)
		return;
	printf("bench-none: all cannot %s: %s\n", what, strerror(-ret));
	exit(1);
}

static void print_figures(const char *name, const __u64 *values, int count)
{
	int i;

	if (!count)
		return;
	printf("bench: %s", name);
	for (i = 0; i < count; i++)
		printf(" %llu", values[i]);
	putchar('\n');
}

/* The values of one measure. */
struct series {
	int count;
	__u64 value[4 * EVENTS];
};

static void add(struct series *series, __u64 value)
{
	if (series->count < 4 * EVENTS)
		series->value[series->count++] = value;
}

static void show(const char *name, const struct series *series)
{
	print_figures(name, series->value, series->count);
}

static void target_open(struct target *target, const char *address)
{
	memset(target, 0, sizeof(*target));
	need(pci_bind(address, "vfio-pci"), "bind the function");
	need(vfio_open(&target->fn, address, VFIO_GROUP_TYPE1), "open the function");
	need(dma_start(&target->fn, &target->start), "learn where DMA starts");
	if (error_region_find(&target->fn, &target->region))
		memset(&target->region, 0, sizeof(target->region));
	target->event = eventfd(0, EFD_CLOEXEC);
	need(target->event < 0 ? -errno : 0, "make an eventfd");
	need(error_listen(&target->fn, target->event), "listen for errors");
	target->mem = mmap(NULL, DMA_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(target->mem == MAP_FAILED ? -ENOMEM : 0, "get memory");
	need(vfio_dma_map(&target->fn, target->mem, target->start, DMA_SIZE), "map memory");
	need(vfio_enable_bus_master(&target->fn), "enable the function");
}

static void target_close(struct target *target)
{
	vfio_close(&target->fn);
	close(target->event);
	munmap(target->mem, DMA_SIZE);
}

/* Sets the controller up so that ringing its doorbell causes an error. */
static void arm(struct target *target)
{
	__u64 at = target->start + DMA_UNMAPPED_AT;
	const struct { __u32 reg, value; } steps[] = {
		{ NVME_REG_CC, 0 },
		{ NVME_REG_AQA, 1 << 16 | 1 },
		{ NVME_REG_ASQ, (__u32)at },
		{ NVME_REG_ASQ + 4, at >> 32 },
		{ NVME_REG_ACQ, (__u32)at },
		{ NVME_REG_ACQ + 4, at >> 32 },
		{ NVME_REG_CC, NVME_CC_ENTRY_SIZES | NVME_CC_ENABLE },
	};
	__u32 csts;
	size_t i;
	int tries;

	for (i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		need(vfio_bar_write32(&target->fn, NVME_BAR, steps[i].reg, steps[i].value),
		     "set up the controller");
	for (tries = 0; tries < 100; tries++) {
		need(vfio_bar_read32(&target->fn, NVME_BAR, NVME_REG_CSTS, &csts),
		     "read the controller's status");
		if ((csts & (NVME_CSTS_RDY | NVME_CSTS_CFS)) == NVME_CSTS_RDY && csts != ~0U)
			return;
		sleep_ms(1);
	}
	need(-EIO, "enable the controller");
}

/*
 * Resets the function and tries again until that works. Returns the cost of the try
 * that worked, and adds the time of that try to @elapsed, if it is not NULL.
 */
static __u64 reset_function(struct target *target, struct series *elapsed)
{
	__u64 start, end, before, after;
	int tries, ret = 0;

	for (tries = 0; tries < 200; tries++) {
		before = now_ns();
		start = cpu_ns();
		ret = vfio_reset(&target->fn);
		end = cpu_ns();
		after = now_ns();
		if (ret != -EAGAIN)
			break;
		sleep_ms(1);
	}
	need(ret, "reset the function");
	if (elapsed)
		add(elapsed, after - before);
	return end - start;
}

/*
 * Restores the state that a kernel may not restore in a reset: the inside of the
 * device, DMA mappings and bus mastering.
 */
static void repair(struct target *target)
{
	reset_function(target, NULL);
	need(vfio_dma_unmap(&target->fn, target->start, DMA_SIZE), "unmap memory");
	need(vfio_dma_map(&target->fn, target->mem, target->start, DMA_SIZE), "map memory again");
	need(vfio_enable_bus_master(&target->fn), "enable the function again");
}

/*
 * Takes long on the host and few instructions in the guest, so that the emulator raises
 * the error now, and not at some later moment when the guest is idle.
 */
static void dally(void)
{
	static __u8 data[64 * 1024], digest[64];

	/*
	 * KIMD with function 3, SHA-512, does a part of the work each time, and sets
	 * condition code 3 until all is done.
	 */
	asm volatile("	lghi	0,3\n"
		     "	lgr	1,%[digest]\n"
		     "	lgr	2,%[data]\n"
		     "	lgr	3,%[len]\n"
		     "0:	.insn	rre,0xb93e0000,0,2\n"
		     "	brc	1,0b\n"
		     :
		     : [digest] "d" (digest), [data] "d" (data), [len] "d" (sizeof(data))
		     : "0", "1", "2", "3", "cc", "memory");
}

static void ring_doorbell(struct target *target)
{
	__u32 one = htole32(1);

	if (pwrite(target->fn.device, &one, sizeof(one),
		   target->fn.window[NVME_BAR].offset + NVME_REG_DOORBELL) < 0)
		need(-errno, "ring the doorbell");
}

static void *provoke(void *data)
{
	/* Idle priority: the woken owner runs first. */
	struct sched_param param = { 0 };
	struct target *target = data;

	sched_setscheduler(0, SCHED_IDLE, &param);
	/* The owner waits on its eventfd after this time. */
	sleep_ms(SETTLE_MS);
	target->rung = now_ns();
	ring_doorbell(target);
	dally();
	return NULL;
}

/*
 * Returns the time from the doorbell, which another thread rings, until the waiting
 * owner is woken.
 */
static __u64 suffer(struct target *target)
{
	pthread_t thread;
	__u64 end, count;

	need(-pthread_create(&thread, NULL, provoke, target), "start a thread");
	if (read(target->event, &count, sizeof(count)) < 0)
		need(-errno, "wait for the error");
	end = now_ns();
	pthread_join(thread, NULL);
	return end - target->rung;
}

/* Whether repair() has nothing to do after a reset. */
static bool is_whole(struct target *target)
{
	__u32 csts;
	__u16 command;

	need(vfio_config_read(&target->fn, PCI_COMMAND, &command, sizeof(command)),
	     "read the Command register");
	need(vfio_bar_read32(&target->fn, NVME_BAR, NVME_REG_CSTS, &csts),
	     "read the controller's status");
	return le16toh(command) & PCI_COMMAND_MASTER && !(csts & NVME_CSTS_CFS);
}

/*
 * Returns the time from the doorbell until the controller is enabled again, for an
 * owner that recovers without pauses.
 */
static __u64 recover(struct target *target)
{
	suffer(target);
	reset_function(target, NULL);
	if (!is_whole(target))
		repair(target);
	arm(target);
	return now_ns() - target->rung;
}

/* Takes an event by the feature: 0, or the errno; *cost is the cost. */
static int take_feature(struct target *target, __u64 *cost)
{
	struct {
		struct vfio_device_feature head;
		struct vfio_device_feature_zpci_err err;
	} call;
	__u8 ccdf[CCDF_LEN];
	__u64 start;
	int ret;

	call.head.argsz = sizeof(call);
	call.head.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_ZPCI_ERROR;
	memset(&call.err, 0, sizeof(call.err));
	call.err.data = (unsigned long)ccdf;
	start = cpu_ns();
	/* A direct system call, as the C library does more for a pread() than for an ioctl(). */
	ret = syscall(SYS_ioctl, target->fn.device, VFIO_DEVICE_FEATURE, &call) ? errno : 0;
	*cost = cpu_ns() - start;
	return ret;
}

/* Takes an event from the region, and returns whether there was one. */
static bool take_region(struct target *target, __u64 *cost)
{
	struct vfio_device_zpci_err_region event = { 0 };
	__u64 start;
	ssize_t done;

	start = cpu_ns();
	done = syscall(SYS_pread64, target->fn.device, &event, sizeof(event),
		       target->region.offset);
	*cost = cpu_ns() - start;
	need(done < 0 ? -errno : 0, "read the region");
	return event.flags & VFIO_ZPCI_ERR_PRESENT;
}

/* Measures the cost of reading the clock twice, which is taken off the other figures. */
static void measure_clocks(void)
{
	struct series monotonic = { 0 }, cpu = { 0 };
	__u64 start;
	int i;

	for (i = 0; i < REPEATS; i++) {
		start = now_ns();
		add(&monotonic, now_ns() - start);
		start = cpu_ns();
		add(&cpu, cpu_ns() - start);
	}
	show("clock.monotonic", &monotonic);
	show("clock.cpu", &cpu);
}

struct pair {
	int ping;
	int pong;
	__u64 start;
	struct series cost;
};

static void *answer(void *data)
{
	struct pair *pair = data;
	__u64 count;
	int i;

	for (i = 0; i < REPEATS; i++) {
		if (read(pair->ping, &count, sizeof(count)) < 0)
			break;
		add(&pair->cost, now_ns() - pair->start);
		count = 1;
		if (write(pair->pong, &count, sizeof(count)) < 0)
			break;
	}
	return NULL;
}

/* Measures the least that a wake-up costs: one thread wakes another by an eventfd. */
static void measure_floor(void)
{
	static struct pair pair;
	__u64 count;
	pthread_t thread;
	int i;

	pair.ping = eventfd(0, EFD_CLOEXEC);
	pair.pong = eventfd(0, EFD_CLOEXEC);
	need(pair.ping < 0 || pair.pong < 0 ? -errno : 0, "make eventfds");
	need(-pthread_create(&thread, NULL, answer, &pair), "start a thread");
	for (i = 0; i < REPEATS; i++) {
		/* The other thread waits on its eventfd after this time. */
		sleep_ms(1);
		count = 1;
		pair.start = now_ns();
		if (write(pair.ping, &count, sizeof(count)) < 0 ||
		    read(pair.pong, &count, sizeof(count)) < 0)
			need(-errno, "wake a thread");
	}
	pthread_join(thread, NULL);
	show("floor", &pair.cost);
	close(pair.ping);
	close(pair.pong);
}

/* Measures opening and closing, while the group and the container stay open. */
static void measure_open(const char *address)
{
	struct series open = { 0 }, close_cost = { 0 };
	struct vfio_function fn;
	__u64 start;
	int i;

	need(pci_bind(address, "vfio-pci"), "bind the function");
	need(vfio_open(&fn, address, VFIO_GROUP_TYPE1), "open the function");
	for (i = 0; i < REPEATS; i++) {
		start = cpu_ns();
		close(fn.device);
		add(&close_cost, cpu_ns() - start);
		sleep_ms(SETTLE_MS);
		start = cpu_ns();
		fn.device = ioctl(fn.group, VFIO_GROUP_GET_DEVICE_FD, fn.address);
		add(&open, cpu_ns() - start);
		need(fn.device < 0 ? -errno : 0, "open the function again");
		sleep_ms(SETTLE_MS);
	}
	vfio_close(&fn);
	show("open", &open);
	show("close", &close_cost);
}

/* Measures setting up MSI-X, which registers adapter interrupts, and taking it down. */
static void measure_interrupts(struct target *target)
{
	struct series on = { 0 }, off = { 0 };
	int events[2] = { event_new(), event_new() };
	__u64 start;
	int i;

	for (i = 0; i < REPEATS; i++) {
		start = cpu_ns();
		need(vfio_irq_set(&target->fn, VFIO_PCI_MSIX_IRQ_INDEX, events, 2),
		     "set up interrupts");
		add(&on, cpu_ns() - start);
		start = cpu_ns();
		need(vfio_irq_clear(&target->fn, VFIO_PCI_MSIX_IRQ_INDEX), "take interrupts down");
		add(&off, cpu_ns() - start);
	}
	show("msix.on", &on);
	show("msix.off", &off);
	close(events[0]);
	close(events[1]);
}

/* Measures looking for an error when there is none: on the mapped page, and by a system call. */
static void measure_polls(struct target *target)
{
	const struct vfio_device_zpci_err_status *status;
	struct series page = { 0 }, eventfd = { 0 };
	int i, k, news, fd = event_new();
	__u64 start, count, seen;

	need(fd, "make an eventfd");
	for (i = 0; i < REPEATS; i++) {
		start = cpu_ns();
		if (read(fd, &count, sizeof(count)) >= 0)
			need(-EIO, "read an eventfd that nobody has signalled");
		add(&eventfd, cpu_ns() - start);
	}
	close(fd);
	show("poll.eventfd", &eventfd);
	if (error_status_map(&target->fn, &target->region, &status)) {
		puts("bench-none: poll.page there is no status to map");
		return;
	}
	seen = status->generation;
	for (i = 0; i < REPEATS; i++) {
		start = cpu_ns();
		for (k = 0, news = 0; k < POLLS; k++)
			news += __atomic_load_n(&status->generation, __ATOMIC_RELAXED) != seen;
		add(&page, (cpu_ns() - start) / POLLS);
		need(news ? -EIO : 0, "see that nothing has happened");
	}
	munmap((void *)status, sysconf(_SC_PAGESIZE));
	show("poll.page", &page);
}

/* All measures of one function that has one error after the other. */
static void measure_one(int events)
{
	static struct series woken, feature, region, feature_empty, region_empty;
	static struct series reset_error, reset_healthy, reset_elapsed, recovery;
	char address[PCI_ADDRESS_LEN];
	struct target target;
	bool has_region;
	__u64 cost;
	int i;

	need(pci_find(PCI_KIND_NVME, address), "find an NVMe function");
	measure_clocks();
	measure_floor();
	target_open(&target, address);
	has_region = target.region.size;
	for (i = 0; i < events; i++) {
		arm(&target);
		sleep_ms(SETTLE_MS);
		add(&woken, suffer(&target));
		sleep_ms(SETTLE_MS);
		if (has_region && i % 2) {
			need(take_region(&target, &cost) ? 0 : -ENOMSG, "take an event");
			add(&region, cost);
		} else {
			need(-take_feature(&target, &cost), "take an event");
			add(&feature, cost);
		}
		if (take_feature(&target, &cost) == ENOMSG)
			add(&feature_empty, cost);
		if (has_region && !take_region(&target, &cost))
			add(&region_empty, cost);
		add(&reset_error, reset_function(&target, &reset_elapsed));
		sleep_ms(SETTLE_MS);
		repair(&target);
		sleep_ms(SETTLE_MS);
	}
	for (i = 0; i < REPEATS; i++) {
		add(&reset_healthy, reset_function(&target, NULL));
		sleep_ms(SETTLE_MS);
	}
	for (i = 0; i < RECOVERIES; i++) {
		arm(&target);
		sleep_ms(SETTLE_MS);
		add(&recovery, recover(&target));
		while (!take_feature(&target, &cost))
			;
		sleep_ms(SETTLE_MS);
	}
	show("event", &woken);
	show("take.feature", &feature);
	show("take.feature.empty", &feature_empty);
	if (has_region) {
		show("take.region", &region);
		show("take.region.empty", &region_empty);
	} else {
		puts("bench-none: take.region this kernel has no error region");
		puts("bench-none: take.region.empty this kernel has no error region");
	}
	show("reset.error", &reset_error);
	show("reset.healthy", &reset_healthy);
	show("elapsed.reset", &reset_elapsed);
	show("elapsed.recovery", &recovery);
	/* Last, as these fill the debug log, which C formats with each event. */
	measure_interrupts(&target);
	if (has_region)
		measure_polls(&target);
	target_close(&target);
	measure_open(address);
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Finds the NVMe functions, in the order of their addresses. */
static int find_functions(char addresses[][PCI_ADDRESS_LEN], int max)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *entry;
	int count = 0;

	need(dir ? 0 : -errno, "list the functions");
	while (count < max && (entry = readdir(dir))) {
		if (strlen(entry->d_name) != PCI_ADDRESS_LEN - 1 || !pci_is_pcie(entry->d_name))
			continue;
		memcpy(addresses[count++], entry->d_name, PCI_ADDRESS_LEN);
	}
	closedir(dir);
	qsort(addresses, count, PCI_ADDRESS_LEN, compare);
	return count;
}

/* Returns the number of bytes in use in all slabs. */
static __u64 slab_bytes(void)
{
	__u64 sum = 0, active, all, size;
	char line[512];
	FILE *file = fopen("/proc/slabinfo", "r");

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %llu %llu %llu", &active, &all, &size) == 3)
			sum += active * size;
	}
	fclose(file);
	return sum;
}

/* Rings all doorbells, and returns the time until the last owner is woken. */
static __u64 suffer_all(struct target *targets, int count, int epoll)
{
	struct epoll_event ready[FUNCTIONS];
	int i, got, left = count;
	struct target *target;
	__u64 start, value;

	for (i = 0; i < count; i++)
		targets[i].woken = false;
	start = now_ns();
	for (i = 0; i < count; i++)
		ring_doorbell(&targets[i]);
	while (left) {
		got = epoll_wait(epoll, ready, FUNCTIONS, 20000);
		need(got ? got : -ETIMEDOUT, "hear of every error");
		for (i = 0; i < got; i++) {
			target = ready[i].data.ptr;
			if (read(target->event, &value, sizeof(value)) < 0)
				need(-errno, "read an eventfd");
			left -= !target->woken;
			target->woken = true;
		}
	}
	return now_ns() - start;
}

static void measure_many(char **counts)
{
	static char addresses[FUNCTIONS][PCI_ADDRESS_LEN];
	static struct target targets[FUNCTIONS];
	int found, count, i, epoll, opened = 0;
	struct epoll_event wanted;
	__u64 cost, before;
	char name[32];

	measure_clocks();
	found = find_functions(addresses, FUNCTIONS);
	for (i = 0; i < found; i++)
		need(pci_bind(addresses[i], "vfio-pci"), "bind a function");
	epoll = epoll_create1(EPOLL_CLOEXEC);
	need(epoll < 0 ? -errno : 0, "make an epoll");
	for (; *counts; counts++) {
		count = atoi(*counts);
		if (count < 1 || count > found) {
			printf("bench-none: many.%s there are %d functions\n", *counts, found);
			continue;
		}
		before = slab_bytes();
		for (i = opened; i < count; i++) {
			target_open(&targets[i], addresses[i]);
			wanted.events = EPOLLIN;
			wanted.data.ptr = &targets[i];
			need(epoll_ctl(epoll, EPOLL_CTL_ADD, targets[i].event, &wanted),
			     "wait for an eventfd");
		}
		if (count - opened > 1 && before) {
			cost = (slab_bytes() - before) / (count - opened);
			snprintf(name, sizeof(name), "slab.open.%d", count - opened);
			print_figures(name, &cost, 1);
		}
		opened = count > opened ? count : opened;
		for (i = 0; i < count; i++)
			arm(&targets[i]);
		sleep_ms(SETTLE_MS);
		cost = suffer_all(targets, count, epoll);
		snprintf(name, sizeof(name), "many.%d", count);
		print_figures(name, &cost, 1);
		sleep_ms(SETTLE_MS);
		for (i = 0; i < count; i++) {
			reset_function(&targets[i], NULL);
			repair(&targets[i]);
			/* Empties the queue for the next round. */
			while (!take_feature(&targets[i], &cost))
				;
		}
		sleep_ms(SETTLE_MS);
	}
	for (i = 0; i < opened; i++)
		target_close(&targets[i]);
	close(epoll);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc >= 2 && !strcmp(argv[1], "one")) {
		measure_one(argc > 2 ? atoi(argv[2]) : EVENTS);
	} else if (argc >= 3 && !strcmp(argv[1], "many")) {
		measure_many(argv + 2);
	} else {
		fprintf(stderr, "usage: zpci_bench one [EVENTS] | many COUNT...\n");
		return 2;
	}
	puts("bench-done");
	return 0;
}
