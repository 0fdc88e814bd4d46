/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The zPCI error region: a program that owns a zPCI function reads from it
 * the errors that the platform has reported for the function.
 */
#ifndef _UAPI_VFIO_ZDEV_ERROR_H
#define _UAPI_VFIO_ZDEV_ERROR_H

#include <linux/types.h>

/*
 * The type of the region is VFIO_REGION_TYPE_PCI_VENDOR_TYPE, with this vendor
 * in the lower bits.
 */
#define VFIO_ZPCI_ERROR_REGION_VENDOR			0x1014
#define VFIO_REGION_SUBTYPE_IBM_ZPCI_ERROR_REGION	2

/* The bits in the flags of an event. */
#define VFIO_ZPCI_ERR_PRESENT		(1 << 0) /* the fields describe an event */
#define VFIO_ZPCI_ERR_PERMANENT		(1 << 1) /* the function has failed for good */
#define VFIO_ZPCI_ERR_HOST_RECOVERED	(1 << 2) /* recovered by the host */
#define VFIO_ZPCI_ERR_STALE		(1 << 3) /* from before the owner's last reset */
#define VFIO_ZPCI_ERR_UNATTENDED	(1 << 4) /* nobody recovers the function */

/**
 * struct vfio_device_zpci_err_region - one error event, as the region gives it
 *
 * @pec: PCI event code of the event; 0 if there is no event
 * @flags: VFIO_ZPCI_ERR_* bits; 0 if there is no event
 * @pending_errors: number of unread events behind this event
 * @length: number of valid bytes, from the start of this structure
 * @dropped: number of events since the function was opened that were dropped,
 *	because a queue had no room
 * @sequence: sequence number of the event, counted from 1 since the function
 *	was opened; 0 if there is no event
 * @timestamp: when the event was captured, nanoseconds of CLOCK_MONOTONIC
 * @ccdf: the event as the platform gave it, big-endian, reserved bits included
 *
 * A read at offset 0 of at least 8 bytes takes the oldest event. The event
 * leaves the queue once its bytes have reached the reader: after -EFAULT the
 * event is still queued. Any other read within these 64 bytes returns bytes of
 * the event that was taken last, and takes no event. A longer read, such as
 * one of the whole region, gets zeroes behind the 64 bytes. A read that begins
 * behind the 64 bytes fails with -EINVAL.
 *
 * All fields but @ccdf are in the byte order of the machine. The layout of the
 * first eight bytes never changes. A reader of more than these eight bytes
 * checks @length first.
 */
struct vfio_device_zpci_err_region {
	__u16 pec;
	__u16 flags;
	__s32 pending_errors;
	__u32 length;
	__u32 dropped;
	__aligned_u64 sequence;
	__aligned_u64 timestamp;
	__u8 ccdf[32];
};

/* The distance of the page that can be mapped from the region's start, in bytes. */
#define VFIO_ZPCI_ERROR_REGION_STATUS			4096

/**
 * struct vfio_device_zpci_err_status - what a poll-mode driver looks at
 *
 * @count: sequence count; odd while the kernel writes the other fields
 * @length: number of valid bytes, from the start of this structure
 * @generation: number of events since the function was opened, dropped events
 *	included; grows with each event
 * @pending: number of unread events
 * @dropped: number of events since the function was opened that were dropped,
 *	because a queue had no room
 * @newest: the newest event that was not dropped, taken or unread, as the
 *	region gives the event, but @newest.pending_errors is 0
 *
 * User space maps the area of the region's VFIO_REGION_INFO_CAP_SPARSE_MMAP
 * with PROT_READ and MAP_SHARED. One load of @generation tells whether there is
 * a new event. To read more fields: read @count until it is even, read the
 * fields, and begin again unless @count is still the same. Reading the page
 * takes no event.
 */
struct vfio_device_zpci_err_status {
	__u32 count;
	__u32 length;
	__aligned_u64 generation;
	__u32 pending;
	__u32 dropped;
	struct vfio_device_zpci_err_region newest;
};

#endif /* _UAPI_VFIO_ZDEV_ERROR_H */
