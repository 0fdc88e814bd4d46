/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_VFIO_INFO_H
#define ZPCI_SELFTEST_VFIO_INFO_H

#include "vfio.h"

int vfio_region_info(struct vfio_function *fn, __u32 index, struct vfio_region_info *info);

/* Looks for a region by the type in its capability; -ENOENT if there is none. */
int vfio_region_find(struct vfio_function *fn, __u32 type, __u32 subtype,
		     struct vfio_region_info *info);

/* Copies a capability of a region; -ENOENT if the region has none with this ID. */
int vfio_region_capability(struct vfio_function *fn, __u32 index, __u16 id, void *cap,
			   size_t len);

/* Copies a capability of the function; -ENOENT if the function has none with this ID. */
int vfio_info_capability(struct vfio_function *fn, __u16 id, void *cap, size_t len);

int vfio_feature(struct vfio_function *fn, __u32 flags, void *data, size_t len);

#endif
