// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's tracepoints and its table of functions in debugfs, as an operator sees them. */
#include <fcntl.h>
#include <stdlib.h>

#include "kselftest_harness.h"

#include "file.h"
#include "fixture.h"
#include "inject.h"

#define TRACING		"/sys/kernel/tracing"
#define RECOVERY	"/sys/kernel/debug/pci/recovery"

/* The number of events that fit into the queue, besides a permanent failure. */
#define FITS		16

static int clear_trace(void)
{
	int fd = open(TRACING "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

FIXTURE(observe) {
	struct owner owner;
	unsigned long fid;
};

FIXTURE_VARIANT(observe) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(observe, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(observe, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(observe)
{
	ASSERT_EQ(0, owner_open(&self->owner, variant->mode));
	REQUIRE_REGION(&self->owner);
	ASSERT_EQ(0, pci_read_attr(self->owner.fn.address, "function_id", &self->fid));
	ASSERT_EQ(0, clear_trace());
	ASSERT_EQ(0, file_write(TRACING "/events/zpci/enable", "1"));
}

FIXTURE_TEARDOWN(observe)
{
	file_write(TRACING "/events/zpci/enable", "0");
	owner_close(&self->owner);
}

/* Counts the lines of a file that contain @text, which begins with "fid=...". */
static int lines_with(const char *path, const char *name, const char *text)
{
	char line[512];
	int count = 0;
	FILE *file;

	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		count += strstr(line, name) && strstr(line, text);
	fclose(file);
	return count;
}

static int traced(unsigned long fid, const char *name, const char *rest)
{
	char text[128];

	snprintf(text, sizeof(text), "fid=%08lx%s", fid, rest);
	return lines_with(TRACING "/trace", name, text);
}

/*
 * Copies the line of a function in debugfs, and returns whether one of its event lines
 * has @event.
 */
static int state_of(const char *address, char *line, size_t len, const char *event)
{
	bool found = false, here = false;
	char next[512];
	FILE *file;

	file = fopen(RECOVERY, "re");
	if (!file)
		return -errno;
	while (fgets(next, sizeof(next), file)) {
		if (strstr(next, address)) {
			here = true;
			snprintf(line, len, "%s", next);
		} else if (here && strncmp(next, "  ", 2)) {
			break;
		} else if (here && event && strstr(next, event)) {
			found = true;
		}
	}
	fclose(file);
	if (!here)
		return -ENOENT;
	return found || !event ? 0 : -ENOMSG;
}

/* A tracepoint records each step of an event once, with the event's numbers. */
TEST_F(observe, tracepoints)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EVENT(owner, &event, 1);
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(1, traced(self->fid, "zpci_error_captured",
			    " pec=0x4 sequence=1 recovery=owner"));
	EXPECT_EQ(1, traced(self->fid, "zpci_error_signalled", ""));
	EXPECT_EQ(1, traced(self->fid, "zpci_error_taken",
			    " pec=0x4 sequence=1 recovery=owner"));
	EXPECT_EQ(1, traced(self->fid, "zpci_reset_begin", ""));
	EXPECT_EQ(1, traced(self->fid, "zpci_reset_end", " result=0"));
	EXPECT_EQ(0, traced(self->fid, "zpci_error_dropped", ""));
}

/*
 * An eventfd that is registered after an event is signalled at once, and a tracepoint
 * records that.
 */
TEST_F(observe, late_listener)
{
	struct owner *owner = &self->owner;

	ASSERT_EQ(0, nvme_provoke_error(&owner->nvme, owner->unmapped));
	sleep_ms(100);
	EXPECT_EQ(1, traced(self->fid, "zpci_error_captured",
			    " pec=0x4 sequence=1 recovery=host"));
	ASSERT_EQ(0, clear_trace());
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, event_wait(owner->error_event, PATIENCE_MS));
	EXPECT_EQ(1, traced(self->fid, "zpci_error_signalled", ""));
	ASSERT_EQ(0, owner_recover(owner));
}

/* A tracepoint records each dropped event. */
TEST_F(observe, dropped)
{
	struct owner *owner = &self->owner;
	__u64 deadline;
	int i;

	if (!inject_load())
		SKIP(return, "there is no zpci_inject");
	ASSERT_EQ(0, owner_listen(owner));
	for (i = 0; i < FITS + 2; i++)
		ASSERT_EQ(0, inject_error(owner->fn.address, PEC_ERROR_STATE));
	deadline = deadline_in(PATIENCE_MS);
	while (traced(self->fid, "zpci_error_dropped", " dropped=2") != 1)
		ASSERT_TRUE(wait_on(deadline));
	EXPECT_EQ(FITS, traced(self->fid, "zpci_error_captured", ""));
	EXPECT_EQ(2, traced(self->fid, "zpci_error_dropped", ""));
	ASSERT_EQ(0, owner_recover(owner));
}

/* The columns of a function's line that tests check. */
struct state {
	char line[512];
	char *channel, *owner, *recovery;
	unsigned long opened, resets, recovered, unprocessed, ignored, captured, waiting, dropped;
};

/* Reads a function's line in debugfs; -ENOMSG if none of the lines of its events has @event. */
static int state_read(const char *address, const char *event, struct state *state)
{
	char **const words[] = { &state->channel, &state->owner, &state->recovery };
	unsigned long *const numbers[] = {
		&state->opened, &state->resets, &state->recovered, &state->unprocessed,
		&state->ignored, &state->captured, &state->waiting, &state->dropped
	};
	char *rest, *word;
	size_t i;
	int ret;

	ret = state_of(address, state->line, sizeof(state->line), event);
	if (ret == -ENOENT)
		return ret;
	rest = strstr(state->line, address) + strlen(address);
	for (i = 0; i < ARRAY_SIZE(words); i++)
		*words[i] = strtok_r(i ? NULL : rest, "\n ", &rest);
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		word = strtok_r(NULL, "\n ", &rest);
		/* The last three columns are empty without an owner. */
		*numbers[i] = word ? strtoul(word, NULL, 10) : ~0UL;
	}
	return ret;
}

/* The line of a function with and without an owner, in error and working. */
TEST_F(observe, state)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	const char *address = owner->fn.address;
	struct state before, now;

	ASSERT_EQ(0, state_read(address, NULL, &before));
	EXPECT_STREQ("normal", before.channel);
	EXPECT_STREQ("silent", before.owner);
	EXPECT_STREQ("host", before.recovery);
	EXPECT_EQ(0, before.captured + before.waiting + before.dropped + before.unprocessed);

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	sleep_ms(100);
	ASSERT_EQ(0, state_read(address, "1: event 0x4, recovery by owner\n", &now));
	EXPECT_STREQ("frozen", now.channel);
	EXPECT_STREQ("listens", now.owner);
	EXPECT_STREQ("owner", now.recovery);
	EXPECT_EQ(1, now.captured);
	EXPECT_EQ(1, now.waiting);
	EXPECT_EQ(0, now.unprocessed);
	EXPECT_EQ(before.resets, now.resets);
	EXPECT_EQ(before.recovered, now.recovered);

	ASSERT_EQ(0, owner_recover(owner));
	ASSERT_EQ(0, state_read(address, ", stale\n", &now));
	EXPECT_EQ(before.recovered + 1, now.recovered);
	EXPECT_EVENT(owner, &event, 1);
	EXPECT_EQ(-ENOMSG, state_read(address, "event 0x", &now));
	EXPECT_STREQ("normal", now.channel);
	EXPECT_EQ(before.resets + 1, now.resets);
	EXPECT_EQ(0, now.waiting);

	owner_close(owner);
	ASSERT_EQ(0, state_read(address, NULL, &now));
	EXPECT_STREQ("none", now.owner);
	EXPECT_STREQ("host", now.recovery);
	EXPECT_EQ(before.opened, now.opened);
	EXPECT_EQ(~0UL, now.captured);
}

TEST_HARNESS_MAIN
