// SPDX-License-Identifier: GPL-2.0-only
/* Reads the table of functions in debugfs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "recovery.h"
#include "wait.h"

#define RECOVERY	"/sys/kernel/debug/pci/recovery"

int recovery_state(const char *address, struct recovery_state *state)
{
	char line[256], name[32];
	int ret = -ENODEV;
	FILE *file;

	file = fopen(RECOVERY, "re");
	if (!file)
		return -errno;
	while (ret && fgets(line, sizeof(line), file)) {
		memset(state, 0, sizeof(*state));
		if (sscanf(line, "%*x %31s %23s %15s %15s %u %u %u %u %u %lu %u %u", name,
			   state->channel, state->owner, state->recovery, &state->opened,
			   &state->resets, &state->recovered, &state->unprocessed, &state->ignored,
			   &state->captured, &state->waiting, &state->dropped) >= 9 &&
		    !strcmp(name, address))
			ret = 0;
	}
	fclose(file);
	return ret;
}

int recovery_wait_channel(const char *address, const char *channel, int timeout_ms)
{
	__u64 deadline = deadline_in(timeout_ms);
	struct recovery_state state;
	int ret;

	do {
		ret = recovery_state(address, &state);
		if (ret)
			return ret;
		if (!strcmp(state.channel, channel))
			return 0;
	} while (wait_on(deadline));
	return -ETIMEDOUT;
}

int recovery_wait_captured(const char *address, unsigned long captured, int timeout_ms)
{
	__u64 deadline = deadline_in(timeout_ms);
	struct recovery_state state;
	int ret;

	do {
		ret = recovery_state(address, &state);
		if (ret)
			return ret;
		if (state.captured >= captured && !state.unprocessed)
			return 0;
	} while (wait_on(deadline));
	return -ETIMEDOUT;
}
