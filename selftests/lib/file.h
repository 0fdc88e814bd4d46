/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_FILE_H
#define ZPCI_SELFTEST_FILE_H

/* Writes one word to a file: 0 or -errno. */
int file_write(const char *path, const char *value);

#endif
