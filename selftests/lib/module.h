/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_MODULE_H
#define ZPCI_SELFTEST_MODULE_H

/* Loads a module of the kernel, if it is not there: 0, or -ENOENT if it cannot be. */
int module_load(const char *name);

/* Removes one that nobody uses: 0 or -errno. */
int module_unload(const char *name);

#endif
