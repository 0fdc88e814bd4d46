// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Stands for vfio in the kernel, with one zPCI function, by LD_PRELOAD: a program
 * that owns the function runs unchanged, on any machine, and gets the events of
 * STAND_IN. STAND_IN_ROOT is a folder with parts of /sys and /dev.
 *
 * A second function, vfio1, is taken away as soon as the program listens to it.
 *
 * STAND_IN is a list of words: "region" (the Rust version) or "feature" (the C
 * version of Linux 7.3), and then the events, in this order:
 *
 *	early=PEC	an event before the program listens
 *	event=PEC,PEC	events that come together, when the owner waits
 *	refuse=ERRNO*N	the next N resets fail
 *	before=PEC	an event while the next reset is under way
 *	after=PEC	the function fails again, right after the next reset
 *
 * Actions of the kernel are written to standard output, between the lines of the
 * program. A sleep takes no time: it only moves the clock. Only a wait for another
 * thread is real.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <linux/vfio_zdev.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REGION_AT	(1LL << 33)
#define REGION_INDEX	9
#define FEATURE		13
#define NAME(number)	(0x3b00 | (number))
#define KEPT_BY_C	4
/* After so many idle looks of an executor the test is stuck. */
#define STUCK		20000

struct event {
	unsigned int pec;
	unsigned long sequence;
	int stale;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct event queue[64];
static unsigned int queued;
static unsigned long sequence;
static int wakeup = -1;
static int gone = -1;
/* The owner is done when it has taken all events, and has reset after the last one. */
static int in_error, drained = 1, untreated, busy, idle;
static pthread_t executor;
static int has_executor;
static long long skipped;
static char *steps;

#define REAL(name)	((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void say(const char *format, ...)
{
	char line[200] = "kernel: ";
	va_list args;
	int length;

	va_start(args, format);
	length = 8 + vsnprintf(line + 8, sizeof(line) - 9, format, args);
	va_end(args);
	line[length++] = '\n';
	if (write(STDOUT_FILENO, line, length) < 0)
		_exit(98);
}

static int by_feature(void)
{
	const char *said = getenv("STAND_IN");

	return said && !strncmp(said, "feature", 7);
}

/* If the next step has this name, returns the text behind the name. */
static char *step(const char *name)
{
	if (!steps) {
		const char *said = getenv("STAND_IN");

		steps = strdup(said ? said : "region");
		strtok(steps, " ");
		steps = strtok(NULL, " ");
		if (!steps)
			steps = "";
	}
	return strncmp(steps, name, strlen(name)) ? NULL : steps + strlen(name);
}

static void next_step(void)
{
	steps = strtok(NULL, " ");
	if (!steps)
		steps = "";
}

/* A measurement event: the function works on. */
static int is_measurement(unsigned int pec)
{
	return pec >= 0x2a && pec <= 0x2c;
}

static void arrives(unsigned int pec)
{
	if (by_feature() && queued == KEPT_BY_C) {
		say("event 0x%x is dropped", pec);
		return;
	}
	say("event 0x%x", pec);
	queue[queued++] = (struct event){ pec, ++sequence, 0 };
	if (!is_measurement(pec))
		in_error = 1;
	drained = 0;
}

static void signal_owner(void)
{
	uint64_t one = 1;

	if (wakeup >= 0 && write(wakeup, &one, sizeof(one)) < 0)
		_exit(98);
}

static void all_arrive(char *pecs)
{
	char *end;

	do {
		arrives(strtoul(pecs, &end, 16));
		pecs = end + 1;
	} while (*end == ',');
	signal_owner();
}

/* The owner waits: raises the next events, unless it still has to take events or to reset. */
static void owner_waits(int for_ever)
{
	char *pecs;

	pthread_mutex_lock(&lock);
	pecs = step("event=");
	if (pecs && !in_error && drained && !untreated && wakeup >= 0) {
		all_arrive(pecs);
		next_step();
		idle = 0;
	} else if (wakeup >= 0 && (for_ever || ++idle > STUCK)) {
		struct pollfd fd = { .fd = wakeup, .events = POLLIN };

		if (REAL(poll)(&fd, 1, 0) == 0) {
			say(in_error ? "the program waits, and the function is in error" :
				       "the program waits");
			_exit(97);
		}
	}
	pthread_mutex_unlock(&lock);
}

static int take(struct event *event)
{
	int found;

	pthread_mutex_lock(&lock);
	found = queued > 0;
	if (found) {
		*event = queue[0];
		if ((by_feature() || !event->stale) && !is_measurement(event->pec))
			untreated = 1;
		memmove(queue, queue + 1, --queued * sizeof(*queue));
	} else {
		drained = 1;
	}
	pthread_mutex_unlock(&lock);
	return found;
}

static void ccdf(const struct event *event, unsigned char *bytes)
{
	memset(bytes, 0, 32);
	bytes[11] = 1;
	bytes[30] = event->pec >> 8;
	bytes[31] = event->pec;
}

static int is_permanent(unsigned int pec)
{
	return pec == 0x3b || pec == 0x40;
}

/* A struct vfio_device_zpci_err_region. */
static void read_region(unsigned char *to)
{
	struct event event;
	uint16_t flags, pec;
	uint32_t length = 64;

	memset(to, 0, 64);
	memcpy(to + 8, &length, 4);
	if (!take(&event))
		return;
	flags = 1 | is_permanent(event.pec) << 1 | event.stale << 3;
	pec = event.pec;
	memcpy(to, &pec, 2);
	memcpy(to + 2, &flags, 2);
	memcpy(to + 16, &event.sequence, 8);
	ccdf(&event, to + 32);
}

static int feature(struct vfio_device_feature *feature)
{
	struct event event;
	uint64_t data;

	if (!by_feature() || (feature->flags & VFIO_DEVICE_FEATURE_MASK) != FEATURE)
		return ENOTTY;
	if (feature->flags & VFIO_DEVICE_FEATURE_PROBE)
		return 0;
	if (!take(&event))
		return ENOMSG;
	memcpy(&data, feature->data, sizeof(data));
	ccdf(&event, (unsigned char *)data);
	return 0;
}

static const struct {
	const char *name;
	int number;
} errors[] = { { "EAGAIN", EAGAIN }, { "EIO", EIO }, { "ENODEV", ENODEV } };

/* Returns the error with which a reset must fail now, or 0. */
static int refused(void)
{
	char *what = step("refuse="), *times;
	unsigned long i;

	if (!what)
		return 0;
	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		if (strncmp(what, errors[i].name, strlen(errors[i].name)))
			continue;
		times = strchr(what, '*') + 1;
		if (!busy)
			say("resets fail with %s", errors[i].name);
		if (++busy == atoi(times)) {
			busy = 0;
			next_step();
		}
		return errors[i].number;
	}
	_exit(98);
}

static int reset(void)
{
	char *pec;
	unsigned int i;
	int error;

	pthread_mutex_lock(&lock);
	if (has_executor && pthread_equal(executor, pthread_self()))
		say("a reset in the thread of the executor");
	error = refused();
	if (!error) {
		pec = step("before=");
		if (pec) {
			all_arrive(pec);
			next_step();
		}
		say("reset");
		in_error = 0;
		untreated = 0;
		drained = 0;
		for (i = 0; i < queued; i++)
			queue[i].stale = 1;
		pec = step("after=");
		if (pec) {
			all_arrive(pec);
			next_step();
		}
	}
	pthread_mutex_unlock(&lock);
	return error;
}

static int device_info(struct vfio_device_info *info)
{
	struct vfio_device_info_cap_zpci_base base = {
		.header = { .id = VFIO_DEVICE_INFO_CAP_ZPCI_BASE, .version = 3 },
		.start_dma = 1ULL << 32,
	};
	const uint32_t length = 32;
	unsigned char *at = (unsigned char *)info + sizeof(*info);

	info->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info->num_regions = by_feature() ? REGION_INDEX : REGION_INDEX + 1;
	info->num_irqs = VFIO_PCI_NUM_IRQS;
	if (info->argsz < sizeof(*info) + 40) {
		info->argsz = sizeof(*info) + 40;
		return 0;
	}
	info->flags |= VFIO_DEVICE_FLAGS_CAPS;
	info->cap_offset = sizeof(*info);
	memcpy(at, &base, 36);
	memcpy(at + 36, &length, 4);
	return 0;
}

static int region_info(struct vfio_region_info *info)
{
	struct vfio_region_info_cap_type type = {
		.header = { .id = VFIO_REGION_INFO_CAP_TYPE, .version = 1 },
		.type = VFIO_REGION_TYPE_PCI_VENDOR_TYPE | 0x1014,
		.subtype = 2,
	};
	const uint32_t argsz = sizeof(*info) + sizeof(type);

	info->size = 0;
	info->flags = 0;
	if (info->index != REGION_INDEX || by_feature())
		return info->index >= REGION_INDEX ? EINVAL : 0;
	info->size = 4096;
	info->offset = REGION_AT;
	info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_CAPS;
	if (info->argsz >= argsz) {
		info->cap_offset = sizeof(*info);
		memcpy(info + 1, &type, sizeof(type));
	}
	info->argsz = argsz;
	return 0;
}

static int set_irqs(const struct vfio_irq_set *set)
{
	char *pec;

	if (set->index != VFIO_PCI_ERR_IRQ_INDEX)
		return 0;
	pthread_mutex_lock(&lock);
	wakeup = -1;
	pec = step("early=");
	if (pec) {
		all_arrive(pec);
		next_step();
	}
	if (set->count)
		memcpy(&wakeup, set->data, sizeof(wakeup));
	/* Registering an eventfd signals it if events wait; not in C. */
	if (queued && !by_feature())
		signal_owner();
	pthread_mutex_unlock(&lock);
	return 0;
}

static int device_fd(void)
{
	return open("/dev/vfio/devices/vfio0", O_RDWR | O_CLOEXEC);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	int error = 0;
	void *argument;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	request &= 0xffffffff;
	switch (request) {
	case NAME(VFIO_BASE + 1):	/* CHECK_EXTENSION */
		return 1;
	case NAME(VFIO_BASE + 3):
		((struct vfio_group_status *)argument)->flags = VFIO_GROUP_FLAGS_VIABLE;
		break;
	case NAME(VFIO_BASE + 6):
		return device_fd();
	case NAME(VFIO_BASE + 7):
		error = device_info(argument);
		break;
	case NAME(VFIO_BASE + 8):
		error = region_info(argument);
		break;
	case NAME(VFIO_BASE + 9):
		((struct vfio_irq_info *)argument)->count = 1;
		((struct vfio_irq_info *)argument)->flags = VFIO_IRQ_INFO_EVENTFD;
		break;
	case NAME(VFIO_BASE + 10):
		error = fd == gone ? 0 : set_irqs(argument);
		break;
	case NAME(VFIO_BASE + 11):
		error = reset();
		break;
	case NAME(VFIO_BASE + 17):
		error = feature(argument);
		break;
	default:
		if (request >> 8 != 0x3b)
			return syscall(SYS_ioctl, fd, request, argument);
	}
	if (!error)
		return 0;
	errno = error;
	return -1;
}

ssize_t pread64(int fd, void *to, size_t size, off64_t at)
{
	if (at != REGION_AT)
		return syscall(SYS_pread64, fd, to, size, at);
	if (size < 64 || fd == gone) {
		errno = fd == gone ? ENODEV : EINVAL;
		return -1;
	}
	read_region(to);
	return 64;
}

ssize_t pread(int fd, void *to, size_t size, off_t at)
{
	return pread64(fd, to, size, at);
}

/* Calls that wait. */

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (timeout < 0)
		owner_waits(1);
	return REAL(poll)(fds, count, timeout);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	if (!timeout)
		owner_waits(1);
	return REAL(ppoll)(fds, count, timeout, mask);
}

int epoll_wait(int fd, struct epoll_event *events, int count, int timeout)
{
	executor = pthread_self();
	has_executor = 1;
	owner_waits(0);
	return REAL(epoll_wait)(fd, events, count, timeout);
}

/* Time: a sleep returns at once, and moves the clock on. */

static long long nanoseconds(const struct timespec *time)
{
	return time->tv_sec * 1000000000LL + time->tv_nsec;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	long long sum;

	if (syscall(SYS_clock_gettime, clock, now))
		return -1;
	sum = nanoseconds(now) + __atomic_load_n(&skipped, __ATOMIC_RELAXED);
	now->tv_sec = sum / 1000000000;
	now->tv_nsec = sum % 1000000000;
	return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
	long long length = nanoseconds(time);
	struct timespec now;

	(void)left;
	if (flags & TIMER_ABSTIME) {
		clock_gettime(clock, &now);
		length -= nanoseconds(&now);
	}
	if (length > 0)
		__atomic_fetch_add(&skipped, length, __ATOMIC_RELAXED);
	return 0;
}

int nanosleep(const struct timespec *time, struct timespec *left)
{
	return clock_nanosleep(CLOCK_MONOTONIC, 0, time, left);
}

/* Calls with paths. */

static const char *moved(const char *path, char *to)
{
	const char *root = getenv("STAND_IN_ROOT");

	/* Rust calls some functions without a path, to learn whether they exist. */
	if (!root || !path || (strncmp(path, "/sys/", 5) && strncmp(path, "/dev/vfio/", 10) &&
		      strcmp(path, "/dev/iommu")))
		return path;
	snprintf(to, PATH_MAX, "%s%s", root, path);
	return to;
}

int open64(const char *path, int flags, ...)
{
	char to[PATH_MAX];
	va_list args;
	int mode, fd;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	fd = syscall(SYS_openat, AT_FDCWD, moved(path, to), flags, mode);
	if (!strcmp(path, "/dev/vfio/devices/vfio1"))
		gone = fd;
	return fd;
}

int open(const char *path, int flags, ...)
{
	return open64(path, flags, 0);
}

DIR *opendir(const char *path)
{
	char to[PATH_MAX];

	return REAL(opendir)(moved(path, to));
}

ssize_t readlink(const char *path, char *target, size_t size)
{
	char to[PATH_MAX];

	return syscall(SYS_readlink, moved(path, to), target, size);
}

int statx(int fd, const char *path, int flags, unsigned int mask, struct statx *status)
{
	char to[PATH_MAX];

	return syscall(SYS_statx, fd, moved(path, to), flags, mask, status);
}
