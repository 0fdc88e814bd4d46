// SPDX-License-Identifier: GPL-2.0-only
/* Opens a function, by its group or by its device node. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "error_event.h"
#include "machine.h"
#include "vfio.h"
#include "vfio_info.h"

static int open_node(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int open_by_group(struct vfio_function *fn)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int number = pci_iommu_group(fn->address);
	bool shared = fn->iommu >= 0;
	char path[PATH_MAX];
	int ret;

	if (number < 0)
		return number;
	if (fn->iommu < 0)
		fn->iommu = open_node("/dev/vfio/vfio");
	if (fn->iommu < 0)
		return fn->iommu;
	snprintf(path, sizeof(path), "/dev/vfio/%d", number);
	fn->group = open_node(path);
	if (fn->group < 0)
		return fn->group;
	if (ioctl(fn->group, VFIO_GROUP_GET_STATUS, &status))
		return -errno;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return -EPERM;
	if (ioctl(fn->group, VFIO_GROUP_SET_CONTAINER, &fn->iommu) ||
	    (!shared && ioctl(fn->iommu, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)))
		return -errno;
	ret = fn->in_machine ? machine_add(fn->group) : 0;
	if (ret)
		return ret;
	fn->device = ioctl(fn->group, VFIO_GROUP_GET_DEVICE_FD, fn->address);
	return fn->device < 0 ? -errno : 0;
}

static int open_cdev(const char *address)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int fd = -ENODEV;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", address);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4))
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
		fd = open_node(path);
		break;
	}
	closedir(dir);
	return fd;
}

static int open_by_cdev(struct vfio_function *fn)
{
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach) };
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int ret;

	if (fn->iommu < 0)
		fn->iommu = open_node("/dev/iommu");
	if (fn->iommu < 0)
		return fn->iommu;
	fn->device = open_cdev(fn->address);
	if (fn->device < 0)
		return fn->device;
	ret = fn->in_machine ? machine_add(fn->device) : 0;
	if (ret)
		return ret;
	bind.iommufd = fn->iommu;
	if (ioctl(fn->device, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		return -errno;
	if (!fn->ioas) {
		if (ioctl(fn->iommu, IOMMU_IOAS_ALLOC, &alloc))
			return -errno;
		fn->ioas = alloc.out_ioas_id;
	}
	attach.pt_id = fn->ioas;
	return ioctl(fn->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ? -errno : 0;
}

static int open_with(struct vfio_function *fn, const char *address)
{
	struct vfio_region_info info;
	int ret, i;

	snprintf(fn->address, sizeof(fn->address), "%s", address);
	ret = fn->mode == VFIO_GROUP_TYPE1 ? open_by_group(fn) : open_by_cdev(fn);
	for (i = 0; !ret && i <= VFIO_PCI_CONFIG_REGION_INDEX; i++) {
		if (i == VFIO_PCI_ROM_REGION_INDEX)
			continue;
		ret = vfio_region_info(fn, i, &info);
		fn->window[i].offset = info.offset;
		fn->window[i].size = info.size;
	}
	fn->by_feature = !ret && error_region_find(fn, &info) != 0;
	if (ret)
		vfio_close(fn);
	return ret;
}

static int open_alone(struct vfio_function *fn, const char *address, enum vfio_mode mode,
		      bool in_machine)
{
	memset(fn, 0, sizeof(*fn));
	fn->iommu = -1;
	fn->group = -1;
	fn->device = -1;
	fn->mode = mode;
	fn->in_machine = in_machine;
	return open_with(fn, address);
}

int vfio_open(struct vfio_function *fn, const char *address, enum vfio_mode mode)
{
	return open_alone(fn, address, mode, false);
}

int vfio_open_in_machine(struct vfio_function *fn, const char *address, enum vfio_mode mode)
{
	return open_alone(fn, address, mode, true);
}

int vfio_open_beside(struct vfio_function *fn, const char *address, struct vfio_function *other)
{
	memset(fn, 0, sizeof(*fn));
	fn->iommu = dup(other->iommu);
	fn->group = -1;
	fn->device = -1;
	fn->mode = other->mode;
	fn->ioas = other->ioas;
	return open_with(fn, address);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vfio_close(struct vfio_function *fn)
{
	if (fn->in_machine)
		machine_del(fn->group < 0 ? fn->device : fn->group);
	fn->in_machine = false;
	close_fd(&fn->device);
	close_fd(&fn->group);
	close_fd(&fn->iommu);
}
