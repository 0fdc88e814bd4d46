/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The zPCI error region: a program that owns a zPCI function reads from it
 * the errors that the platform has reported for the function.
 */
#ifndef _UAPI_VFIO_ZDEV_ERROR_H
#define _UAPI_VFIO_ZDEV_ERROR_H

#include <linux/types.h>

/* The region's type is VFIO_REGION_TYPE_PCI_VENDOR_TYPE | this vendor. */
#define VFIO_ZPCI_ERROR_REGION_VENDOR			0x1014
#define VFIO_REGION_SUBTYPE_IBM_ZPCI_ERROR_REGION	2

/* The bits of an event's flags. */
#define VFIO_ZPCI_ERR_PRESENT		(1 << 0) /* there is an event */
#define VFIO_ZPCI_ERR_PERMANENT		(1 << 1) /* permanent failure */
#define VFIO_ZPCI_ERR_HOST_RECOVERED	(1 << 2) /* the host has recovered */
#define VFIO_ZPCI_ERR_STALE		(1 << 3) /* older than the owner's last reset */
#define VFIO_ZPCI_ERR_UNATTENDED	(1 << 4) /* nobody recovers the function */

/**
 * struct vfio_device_zpci_err_region - one error event, as the region gives it
 *
 * @pec: PCI event code of the event; 0 where none is present
 * @flags: VFIO_ZPCI_ERR_* bits; 0 where no event is present
 * @pending_errors: events still queued behind this one
 * @length: bytes of this structure that are valid, from its start
 * @dropped: events for which the queue had no room, since the function was
 *	opened
 * @sequence: number of the event since the function was opened, from 1;
 *	0 where none is present
 * @timestamp: when the event was captured, nanoseconds of CLOCK_MONOTONIC
 * @ccdf: the event as the platform gave it, big-endian, reserved bits included
 *
 * A read at offset 0 of at least 8 bytes takes the oldest event. The event
 * leaves the queue once its bytes have reached the reader: after -EFAULT it is
 * still there. Any other read of these 64 bytes returns those of the event
 * that was taken last, and takes nothing. A read of more, such as of the whole
 * region, gets zeroes behind the 64 bytes; one that begins there is -EINVAL.
 *
 * All fields but @ccdf are in the byte order of the machine. The first eight
 * bytes never change; a reader of more checks @length first.
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

/* Where the status can be mapped, in bytes from the start of the region. */
#define VFIO_ZPCI_ERROR_REGION_STATUS			4096

/**
 * struct vfio_device_zpci_err_status - what a poll-mode driver looks at
 *
 * @count: sequence count; odd while the rest is being written
 * @length: bytes of this structure that are valid, from its start
 * @generation: events since the function was opened; it grows with each
 * @pending: events that wait to be taken
 * @dropped: events for which the queue had no room, since the function was
 *	opened
 * @newest: the newest event that was kept, taken or not, as the region gives
 *	it, but for @newest.pending_errors, which is 0
 *
 * The area of the region's VFIO_REGION_INFO_CAP_SPARSE_MMAP is mapped with
 * PROT_READ and MAP_SHARED. One load of @generation tells whether there is a
 * new event. To read more: read @count until it is even, read the rest, and
 * begin again unless @count is still the same. Nothing is taken by that.
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
