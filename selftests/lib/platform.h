/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_PLATFORM_H
#define ZPCI_SELFTEST_PLATFORM_H

#include <linux/types.h>
#include <stdbool.h>

/*
 * The plugin beside the emulator that plays the firmware. The plugin recognizes an
 * instruction that otherwise does nothing. When a call returns, the command has taken
 * effect.
 */

/* Whether the plugin is there. */
bool platform_there(void);

/*
 * Executes a command: 0, -ENODEV without the plugin, or -EINVAL if the plugin refuses
 * the command; the plugin's reason is printed.
 */
int platform_command(const char *command, ...) __attribute__((format(printf, 1, 2)));

/* Executes a command whose answer is a number: that number, or -errno. */
long platform_number(const char *command, ...) __attribute__((format(printf, 1, 2)));

/* Executes a command whose answer is a text: 0 or -errno. */
int platform_text(char *text, size_t len, const char *command, ...)
	__attribute__((format(printf, 3, 4)));

/* Sends a line, and replaces it by the answer: 0, -ENODEV or -EINVAL. */
int platform_call(char *line, size_t room);

#endif
