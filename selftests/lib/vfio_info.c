// SPDX-License-Identifier: GPL-2.0-only
/* The descriptions that vfio gives of a function: regions, capability chains and features. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vfio_info.h"

/* Finds a capability. Offsets in a chain count from the start of the description. */
static struct vfio_info_cap_header *find_cap(void *info, __u32 argsz, __u32 at, __u16 id)
{
	struct vfio_info_cap_header *cap;

	while (at && at + sizeof(*cap) <= argsz) {
		cap = info + at;
		if (cap->id == id)
			return cap;
		/* Offsets must grow: otherwise this loop would not end in a broken chain. */
		if (cap->next <= at)
			break;
		at = cap->next;
	}
	return NULL;
}

int vfio_region_info(struct vfio_function *fn, __u32 index, struct vfio_region_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	return ioctl(fn->device, VFIO_DEVICE_GET_REGION_INFO, info) ? -errno : 0;
}

/* Copies a capability: 0, or -ENOENT if there is none or it is shorter. */
static int copy_cap(void *info, __u32 argsz, __u32 at, __u16 id, void *cap, size_t len)
{
	struct vfio_info_cap_header *found = find_cap(info, argsz, at, id);

	if (!found || (char *)found + len > (char *)info + argsz)
		return -ENOENT;
	memcpy(cap, found, len);
	return 0;
}

int vfio_region_capability(struct vfio_function *fn, __u32 index, __u16 id, void *cap,
			   size_t len)
{
	struct vfio_region_info head, *info;
	int ret = vfio_region_info(fn, index, &head);

	if (ret || !(head.flags & VFIO_REGION_INFO_FLAG_CAPS))
		return ret ? ret : -ENOENT;
	info = calloc(1, head.argsz);
	if (!info)
		return -ENOMEM;
	info->argsz = head.argsz;
	info->index = index;
	if (ioctl(fn->device, VFIO_DEVICE_GET_REGION_INFO, info))
		ret = -errno;
	else
		ret = copy_cap(info, head.argsz, info->cap_offset, id, cap, len);
	free(info);
	return ret;
}

int vfio_region_find(struct vfio_function *fn, __u32 type, __u32 subtype,
		     struct vfio_region_info *info)
{
	struct vfio_device_info device = { .argsz = sizeof(device) };
	struct vfio_region_info_cap_type cap;
	__u32 i;

	if (ioctl(fn->device, VFIO_DEVICE_GET_INFO, &device))
		return -errno;
	for (i = VFIO_PCI_NUM_REGIONS; i < device.num_regions; i++) {
		if (!vfio_region_capability(fn, i, VFIO_REGION_INFO_CAP_TYPE, &cap, sizeof(cap)) &&
		    cap.type == type && cap.subtype == subtype)
			return vfio_region_info(fn, i, info);
	}
	return -ENOENT;
}

int vfio_info_capability(struct vfio_function *fn, __u16 id, void *cap, size_t len)
{
	struct vfio_device_info head = { .argsz = sizeof(head) };
	struct vfio_device_info *info;
	int ret = -ENOENT;

	if (ioctl(fn->device, VFIO_DEVICE_GET_INFO, &head))
		return -errno;
	info = calloc(1, head.argsz);
	if (!info)
		return -ENOMEM;
	info->argsz = head.argsz;
	if (ioctl(fn->device, VFIO_DEVICE_GET_INFO, info))
		ret = -errno;
	else if (info->flags & VFIO_DEVICE_FLAGS_CAPS)
		ret = copy_cap(info, head.argsz, info->cap_offset, id, cap, len);
	free(info);
	return ret;
}

int vfio_feature(struct vfio_function *fn, __u32 flags, void *data, size_t len)
{
	struct vfio_device_feature *feature = calloc(1, sizeof(*feature) + len);
	int ret;

	if (!feature)
		return -ENOMEM;
	feature->argsz = sizeof(*feature) + len;
	feature->flags = flags;
	memcpy(feature->data, data, len);
	ret = ioctl(fn->device, VFIO_DEVICE_FEATURE, feature) ? -errno : 0;
	memcpy(data, feature->data, len);
	free(feature);
	return ret;
}
