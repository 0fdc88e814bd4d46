/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_ERROR_EVENT_H
#define ZPCI_SELFTEST_ERROR_EVENT_H

#include <linux/vfio_zdev_error.h>

#include "ccdf.h"
#include "vfio.h"

/* The fields of a record that the first version of the region had. */
struct error_region_v1 {
	__u16 pec;
	__s32 pending_errors;
};

int error_region_find(struct vfio_function *fn, struct vfio_region_info *info);

/* Reads the region as pread() does: number of bytes, or -errno. */
ssize_t error_region_read(struct vfio_function *fn, const struct vfio_region_info *info,
			  __u64 offset, void *buf, size_t len);

/* Takes the next event from the region. Returns 0 also if there was none. */
int error_region_take(struct vfio_function *fn, const struct vfio_region_info *info,
		      struct vfio_device_zpci_err_region *event);

/*
 * Maps the status of the region: -EOPNOTSUPP without a status, or -errno. Unmap it by
 * munmap().
 */
int error_status_map(struct vfio_function *fn, const struct vfio_region_info *info,
		     const struct vfio_device_zpci_err_status **status);

/* Copies the status; all fields are of the same moment. */
void error_status_read(const struct vfio_device_zpci_err_status *status,
		       struct vfio_device_zpci_err_status *now);

/* Takes the next event by the feature: -ENOMSG if there is none. */
int error_feature_take(struct vfio_function *fn, __u8 ccdf[CCDF_LEN]);
int error_feature_probe(struct vfio_function *fn, __u32 operation);

/* Registers an eventfd for errors. */
int error_listen(struct vfio_function *fn, int eventfd);

#endif
