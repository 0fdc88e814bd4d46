// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes allocations of the kernel fail, as described in
 * Documentation/fault-injection/fault-injection.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "memory_fault.h"
#include "wait.h"

#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define FAIL_PAGES	"/sys/kernel/debug/fail_page_alloc/"
#define FAIL_NTH	"/proc/thread-self/fail-nth"

/* More failures than a test can cause. */
#define FAILURES_MAX	"1000000"

static __thread int fail_nth = -1;

/* By default only allocations that must not sleep fail. */
static int count_those_that_wait(const char *attr, const char *verbose)
{
	int ret = file_write(attr, "N");

	return ret ? ret : file_write(verbose, "0");
}

int memory_fault_prepare(void)
{
	int ret = count_those_that_wait(FAILSLAB "ignore-gfp-wait", FAILSLAB "verbose");

	if (!ret)
		ret = count_those_that_wait(FAIL_PAGES "ignore-gfp-wait", FAIL_PAGES "verbose");
	/* By default single pages do not fail. */
	if (!ret)
		ret = file_write(FAIL_PAGES "min-order", "0");
	if (!ret)
		ret = file_write(FAIL_NTH, "0");
	return ret;
}

int memory_fault_at(unsigned int nth)
{
	char text[16];
	int ret = 0;

	/* Open the file before arming: the open allocates memory, which would be counted. */
	fail_nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (fail_nth < 0)
		return -errno;
	snprintf(text, sizeof(text), "%u", nth);
	if (write(fail_nth, text, strlen(text)) < 0)
		ret = -errno;
	return ret;
}

bool memory_fault_end(void)
{
	char left[16] = "";
	ssize_t len = pread(fail_nth, left, sizeof(left) - 1, 0);

	if (write(fail_nth, "0", 1) < 0)
		len = -1;
	close(fail_nth);
	return len > 0 && !atoi(left);
}

int memory_range_of(const char *symbol, struct memory_range *range)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	char line[512], name[400], type;
	unsigned long at;
	bool is_in = false;

	if (!symbols)
		return -errno;
	range->start = ULONG_MAX;
	range->end = 0;
	/* In the order of their addresses. */
	while (fgets(line, sizeof(line), symbols)) {
		if (sscanf(line, "%lx %c %399s", &at, &type, name) != 3 ||
		    (type != 't' && type != 'T'))
			continue;
		/* A function ends where the next one begins. */
		if (is_in)
			range->end = at;
		is_in = strstr(name, symbol);
		if (is_in && at < range->start)
			range->start = at;
	}
	fclose(symbols);
	return range->start < range->end ? 0 : -ENOENT;
}

static int set_range(const struct memory_range *range)
{
	char text[32];
	int ret;

	snprintf(text, sizeof(text), "0x%lx", range->start);
	ret = file_write(FAILSLAB "require-start", text);
	snprintf(text, sizeof(text), "0x%lx", range->end);
	return ret ? ret : file_write(FAILSLAB "require-end", text);
}

int memory_fault_all_of(const struct memory_range *range)
{
	int ret = set_range(range);

	if (!ret)
		ret = file_write(FAILSLAB "times", FAILURES_MAX);
	return ret ? ret : file_write(FAILSLAB "probability", "100");
}

static int faults_left(void)
{
	char text[16] = "";
	int fd = open(FAILSLAB "times", O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, text, sizeof(text) - 1);

	if (len < 0)
		perror(FAILSLAB "times");
	close(fd);
	return len < 0 ? atoi(FAILURES_MAX) : atoi(text);
}

bool memory_fault_hit(int ms)
{
	__u64 deadline = deadline_in(ms);
	bool hit;

	do {
		hit = faults_left() < atoi(FAILURES_MAX);
	} while (!hit && wait_on(deadline));
	return hit;
}

void memory_fault_none(void)
{
	const struct memory_range anywhere = { 0, ULONG_MAX };

	file_write(FAILSLAB "probability", "0");
	set_range(&anywhere);
}
