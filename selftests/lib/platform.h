/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_PLATFORM_H
#define ZPCI_SELFTEST_PLATFORM_H

#include <linux/types.h>
#include <stdbool.h>

/*
 * The plugin that plays the firmware beside the emulator. It sees an instruction
 * that otherwise does nothing, so that a command has taken effect when this returns.
 */

/* Whether there is one. */
bool platform_there(void);

/*
 * Executes a command: 0, -ENODEV without the plugin, -EINVAL if it refuses the
 * command, which is printed then.
 */
int platform_command(const char *command, ...) __attribute__((format(printf, 1, 2)));

/* The same for a command that answers with a number: that, or -errno. */
long platform_number(const char *command, ...) __attribute__((format(printf, 1, 2)));

/* The same for a command that answers with a text: 0 or -errno. */
int platform_text(char *text, size_t len, const char *command, ...)
	__attribute__((format(printf, 3, 4)));

/* Sends a line and takes the answer to it in its place: 0, -ENODEV or -EINVAL. */
int platform_call(char *line, size_t room);

#endif
