// SPDX-License-Identifier: GPL-2.0-only
/* Reads the messages that the kernel logs from now on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "kmsg.h"
#include "wait.h"

#define KMSG		"/dev/kmsg"
#define MESSAGE_MAX	1024
#define MARKER		"zpci test: counting messages"

int kmsg_open(void)
{
	int fd = open(KMSG, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (lseek(fd, 0, SEEK_END) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

long long kmsg_sequence(void)
{
	long long sequence = -EIO;
	char record[MESSAGE_MAX] = "";
	int fd = kmsg_open();

	if (fd < 0)
		return fd;
	/* Ends with a newline: the kernel could continue the line otherwise. */
	if (file_write(KMSG, MARKER "\n")) {
		close(fd);
		return -EIO;
	}
	while (read(fd, record, sizeof(record) - 1) > 0 || errno == EPIPE) {
		if (strstr(record, MARKER) && sscanf(record, "%*d,%lld,", &sequence) == 1)
			break;
	}
	close(fd);
	return sequence;
}

int kmsg_next(int fd, char *text, size_t len)
{
	char record[MESSAGE_MAX];
	ssize_t got;
	char *at;

	do {
		got = read(fd, record, sizeof(record) - 1);
		/*
		 * -EPIPE: messages were overwritten before they were read. Reading goes
		 * on behind them.
		 */
	} while (got < 0 && (errno == EPIPE || errno == EINTR));
	if (got < 0)
		return -errno;
	record[got] = 0;
	at = strchr(record, ';');
	at = at ? at + 1 : record;
	at[strcspn(at, "\n")] = 0;
	snprintf(text, len, "%s", at);
	return 0;
}

int kmsg_wait(int fd, const char *text, int timeout_ms)
{
	__u64 deadline = deadline_in(timeout_ms);
	char line[MESSAGE_MAX];

	do {
		while (!kmsg_next(fd, line, sizeof(line))) {
			if (strstr(line, text))
				return 0;
		}
	} while (wait_on(deadline));
	return -ETIMEDOUT;
}
