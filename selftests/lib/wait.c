// SPDX-License-Identifier: GPL-2.0-only
/* Waiting for eventfds. */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "wait.h"

int event_new(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

int poll_wait(int fd, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int ret;

	do {
		ret = poll(&pfd, 1, timeout_ms);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	return ret ? 0 : -ETIMEDOUT;
}

int event_wait(int fd, int timeout_ms)
{
	__u64 count;
	int ret = poll_wait(fd, timeout_ms);

	if (ret)
		return ret;
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return -errno;
	return 0;
}

void event_clear(int fd)
{
	event_wait(fd, 0);
}

__u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void sleep_ms(int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

__u64 deadline_in(int ms)
{
	return now_ns() + ms * 1000000ULL;
}

bool wait_on(__u64 deadline)
{
	if (now_ns() > deadline)
		return false;
	sleep_ms(2);
	return true;
}
