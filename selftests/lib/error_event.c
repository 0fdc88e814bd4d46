// SPDX-License-Identifier: GPL-2.0-only
/* The three ways to learn of an error: region, feature and eventfd. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error_event.h"
#include "vfio_info.h"

int error_region_find(struct vfio_function *fn, struct vfio_region_info *info)
{
	return vfio_region_find(fn,
				VFIO_REGION_TYPE_PCI_VENDOR_TYPE | VFIO_ZPCI_ERROR_REGION_VENDOR,
				VFIO_REGION_SUBTYPE_IBM_ZPCI_ERROR_REGION, info);
}

ssize_t error_region_read(struct vfio_function *fn, const struct vfio_region_info *info,
			  __u64 offset, void *buf, size_t len)
{
	ssize_t done = pread(fn->device, buf, len, info->offset + offset);

	return done < 0 ? -errno : done;
}

int error_region_take(struct vfio_function *fn, const struct vfio_region_info *info,
		      struct vfio_device_zpci_err_region *event)
{
	ssize_t done = error_region_read(fn, info, 0, event, sizeof(*event));

	if (done < 0)
		return done;
	return done == sizeof(*event) ? 0 : -EIO;
}

int error_status_map(struct vfio_function *fn, const struct vfio_region_info *info,
		     const struct vfio_device_zpci_err_status **status)
{
	struct {
		struct vfio_region_info_cap_sparse_mmap cap;
		struct vfio_region_sparse_mmap_area area;
	} sparse;
	void *page;
	int ret;

	ret = vfio_region_capability(fn, info->index, VFIO_REGION_INFO_CAP_SPARSE_MMAP, &sparse,
				     sizeof(sparse));
	if (ret || !(info->flags & VFIO_REGION_INFO_FLAG_MMAP) || sparse.cap.nr_areas != 1)
		return ret && ret != -ENOENT ? ret : -EOPNOTSUPP;
	page = mmap(NULL, sparse.area.size, PROT_READ, MAP_SHARED, fn->device,
		    info->offset + sparse.area.offset);
	if (page == MAP_FAILED)
		return -errno;
	*status = page;
	return 0;
}

void error_status_read(const struct vfio_device_zpci_err_status *status,
		       struct vfio_device_zpci_err_status *now)
{
	__u32 count;

	do {
		count = __atomic_load_n(&status->count, __ATOMIC_ACQUIRE);
		memcpy(now, status, sizeof(*now));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (count % 2 || count != __atomic_load_n(&status->count, __ATOMIC_RELAXED));
}

int error_feature_take(struct vfio_function *fn, __u8 ccdf[CCDF_LEN])
{
	struct vfio_device_feature_zpci_err err = { .data = (unsigned long)ccdf };

	return vfio_feature(fn, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_ZPCI_ERROR,
			    &err, sizeof(err));
}

int error_feature_probe(struct vfio_function *fn, __u32 operation)
{
	struct vfio_device_feature_zpci_err err = { 0 };

	return vfio_feature(fn, VFIO_DEVICE_FEATURE_PROBE | operation |
			    VFIO_DEVICE_FEATURE_ZPCI_ERROR, &err, sizeof(err));
}

int error_listen(struct vfio_function *fn, int eventfd)
{
	return vfio_irq_set(fn, VFIO_PCI_ERR_IRQ_INDEX, &eventfd, 1);
}
