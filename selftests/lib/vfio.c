// SPDX-License-Identifier: GPL-2.0-only
/* Functions opened through vfio: interrupts, DMA, registers and reset. */
#include <endian.h>
#include <errno.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vfio.h"
#include "wait.h"

int vfio_reset_once(struct vfio_function *fn)
{
	return ioctl(fn->device, VFIO_DEVICE_RESET) ? -errno : 0;
}

int vfio_reset_only(struct vfio_function *fn)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	int ret;

	do {
		ret = vfio_reset_once(fn);
	} while (fn->by_feature && (ret == -EAGAIN || ret == -EIO) && wait_on(deadline));
	return ret;
}

int vfio_reset(struct vfio_function *fn)
{
	int ret = vfio_reset_only(fn);

	return ret || !fn->by_feature ? ret : vfio_enable_bus_master(fn);
}

int vfio_dma_map(struct vfio_function *fn, void *vaddr, __u64 iova, __u64 size)
{
	struct vfio_iommu_type1_dma_map type1 = {
		.argsz = sizeof(type1),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (unsigned long)vaddr,
		.iova = iova,
		.size = size,
	};
	struct iommu_ioas_map ioas = {
		.size = sizeof(ioas),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_READABLE,
		.ioas_id = fn->ioas,
		.user_va = (unsigned long)vaddr,
		.iova = iova,
		.length = size,
	};
	int ret;

	if (fn->mode == VFIO_GROUP_TYPE1)
		ret = ioctl(fn->iommu, VFIO_IOMMU_MAP_DMA, &type1);
	else
		ret = ioctl(fn->iommu, IOMMU_IOAS_MAP, &ioas);
	return ret ? -errno : 0;
}

int vfio_dma_unmap(struct vfio_function *fn, __u64 iova, __u64 size)
{
	struct vfio_iommu_type1_dma_unmap type1 = {
		.argsz = sizeof(type1),
		.iova = iova,
		.size = size,
	};
	struct iommu_ioas_unmap ioas = {
		.size = sizeof(ioas),
		.ioas_id = fn->ioas,
		.iova = iova,
		.length = size,
	};
	int ret;

	if (fn->mode == VFIO_GROUP_TYPE1)
		ret = ioctl(fn->iommu, VFIO_IOMMU_UNMAP_DMA, &type1);
	else
		ret = ioctl(fn->iommu, IOMMU_IOAS_UNMAP, &ioas);
	return ret ? -errno : 0;
}

int vfio_irq_count(struct vfio_function *fn, __u32 index)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };

	return ioctl(fn->device, VFIO_DEVICE_GET_IRQ_INFO, &info) ? -errno : (int)info.count;
}

int vfio_irq_set(struct vfio_function *fn, __u32 index, const int *eventfds, __u32 count)
{
	size_t len = sizeof(struct vfio_irq_set) + count * sizeof(*eventfds);
	struct vfio_irq_set *set = calloc(1, len);
	int ret;

	if (!set)
		return -ENOMEM;
	set->argsz = len;
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = index;
	set->count = count;
	memcpy(set->data, eventfds, count * sizeof(*eventfds));
	ret = ioctl(fn->device, VFIO_DEVICE_SET_IRQS, set) ? -errno : 0;
	free(set);
	return ret;
}

int vfio_irq_clear(struct vfio_function *fn, __u32 index)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
	};

	return ioctl(fn->device, VFIO_DEVICE_SET_IRQS, &set) ? -errno : 0;
}

static int window_access(struct vfio_function *fn, int index, __u64 offset, void *buf,
			 size_t len, bool write)
{
	struct vfio_window *window = &fn->window[index];
	ssize_t done;

	if (offset > window->size || len > window->size - offset)
		return -EINVAL;
	if (write)
		done = pwrite(fn->device, buf, len, window->offset + offset);
	else
		done = pread(fn->device, buf, len, window->offset + offset);
	if (done < 0)
		return -errno;
	return (size_t)done == len ? 0 : -EIO;
}

int vfio_config_read(struct vfio_function *fn, __u64 offset, void *buf, size_t len)
{
	return window_access(fn, VFIO_PCI_CONFIG_REGION_INDEX, offset, buf, len, false);
}

int vfio_config_write(struct vfio_function *fn, __u64 offset, const void *buf, size_t len)
{
	return window_access(fn, VFIO_PCI_CONFIG_REGION_INDEX, offset, (void *)buf, len, true);
}

int vfio_enable_bus_master(struct vfio_function *fn)
{
	__u16 command;
	int ret = vfio_config_read(fn, PCI_COMMAND, &command, sizeof(command));

	if (ret)
		return ret;
	command |= htole16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	return vfio_config_write(fn, PCI_COMMAND, &command, sizeof(command));
}

int vfio_bar_read(struct vfio_function *fn, int bar, __u64 offset, void *buf, size_t len)
{
	return window_access(fn, bar, offset, buf, len, false);
}

int vfio_bar_write(struct vfio_function *fn, int bar, __u64 offset, const void *buf, size_t len)
{
	return window_access(fn, bar, offset, (void *)buf, len, true);
}

int vfio_bar_read32(struct vfio_function *fn, int bar, __u64 offset, __u32 *value)
{
	int ret = vfio_bar_read(fn, bar, offset, value, sizeof(*value));

	*value = le32toh(*value);
	return ret;
}

int vfio_bar_write32(struct vfio_function *fn, int bar, __u64 offset, __u32 value)
{
	value = htole32(value);
	return vfio_bar_write(fn, bar, offset, &value, sizeof(value));
}
