/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_MODULE_H
#define ZPCI_SELFTEST_MODULE_H

/* Loads a kernel module if it is not loaded yet: 0, or -ENOENT if that fails. */
int module_load(const char *name);

/* Removes a module that is not in use: 0 or -errno. */
int module_unload(const char *name);

#endif
