/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_CONFIG_H
#define ZPCI_SELFTEST_CONFIG_H

#include "vfio.h"

#define CONFIG_MAX	4096

/* Configuration space as the host sees it, and as vfio shows it. */
struct config {
	size_t len;
	__u8 host[CONFIG_MAX];
	__u8 vfio[CONFIG_MAX];
};

/* Reads config space in both views: 0 or -errno. */
int config_save(struct vfio_function *fn, struct config *config);

/* Counts the bytes that differ, and prints each. */
int config_differences(const struct config *before, const struct config *after);

#endif
