// SPDX-License-Identifier: GPL-2.0-only
/* An owner of an NVMe function, used by most tests. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "owner.h"
#include "vfio_info.h"

int dma_start(struct vfio_function *fn, __u64 *start)
{
	struct vfio_device_info_cap_zpci_base base = { 0 };
	int ret = vfio_info_capability(fn, VFIO_DEVICE_INFO_CAP_ZPCI_BASE, &base, sizeof(base));

	*start = base.start_dma;
	return ret;
}

static int open_by(struct owner *owner, const char *address, enum vfio_mode mode,
		   int (*open)(struct vfio_function *fn, const char *address,
			       enum vfio_mode mode))
{
	__u64 start;
	int ret;

	memset(owner, 0, sizeof(*owner));
	owner->error_event = event_new();
	if (owner->error_event < 0)
		return owner->error_event;
	ret = open(&owner->fn, address, mode);
	if (!ret)
		ret = dma_start(&owner->fn, &start);
	if (!ret) {
		owner->unmapped = start + DMA_UNMAPPED_AT;
		ret = nvme_start(&owner->nvme, &owner->fn, start + DMA_BUFFER_AT);
	}
	/*
	 * A kernel without the region still has the feature; tests of the region check
	 * that there is a region.
	 */
	if (!ret && error_region_find(&owner->fn, &owner->region))
		memset(&owner->region, 0, sizeof(owner->region));
	if (ret)
		owner_close(owner);
	return ret;
}

bool is_c_version(void)
{
	return access("/sys/kernel/debug/pci/recovery", F_OK) != 0;
}

int owner_open_at(struct owner *owner, const char *address, enum vfio_mode mode)
{
	return open_by(owner, address, mode, vfio_open);
}

int owner_open_in_machine(struct owner *owner, const char *address, enum vfio_mode mode)
{
	return open_by(owner, address, mode, vfio_open_in_machine);
}

int owner_open(struct owner *owner, enum vfio_mode mode)
{
	const char *driver = getenv(OWNER_DRIVER);
	char address[PCI_ADDRESS_LEN];
	__u64 deadline;
	int ret;

	ret = pci_find(PCI_KIND_NVME, address);
	if (!ret)
		ret = pci_bind(address, driver ? driver : "vfio-pci");
	if (ret)
		return ret;
	deadline = deadline_in(PATIENCE_MS);
	do {
		ret = owner_open_at(owner, address, mode);
	} while ((ret == -EAGAIN || ret == -EINVAL) && is_c_version() && wait_on(deadline));
	return ret;
}

int owner_open_new(struct owner *owner, const char *address, enum vfio_mode mode)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	int ret;

	do {
		ret = pci_bind(address, "vfio-pci");
		if (!ret)
			ret = owner_open_at(owner, address, mode);
	} while (ret && wait_on(deadline));
	return ret;
}

void owner_close(struct owner *owner)
{
	nvme_stop(&owner->nvme);
	vfio_close(&owner->fn);
	if (owner->error_event >= 0)
		close(owner->error_event);
	owner->error_event = -1;
}

int owner_listen(struct owner *owner)
{
	return error_listen(&owner->fn, owner->error_event);
}

int owner_suffer(struct owner *owner)
{
	int ret;

	event_clear(owner->error_event);
	ret = nvme_provoke_error(&owner->nvme, owner->unmapped);
	return ret ? ret : event_wait(owner->error_event, PATIENCE_MS);
}

int owner_recover(struct owner *owner)
{
	int ret = vfio_reset(&owner->fn);

	return ret ? ret : nvme_reinit(&owner->nvme);
}

int owner_take(struct owner *owner, struct vfio_device_zpci_err_region *event)
{
	struct ccdf ccdf;
	int ret;

	memset(event, 0, sizeof(*event));
	if (owner->region.size) {
		ret = error_region_take(&owner->fn, &owner->region, event);
		if (!ret && !(event->flags & VFIO_ZPCI_ERR_PRESENT))
			ret = -ENOMSG;
		return ret;
	}
	ret = error_feature_take(&owner->fn, event->ccdf);
	if (!ret) {
		ccdf_decode(event->ccdf, &ccdf);
		event->pec = ccdf.pec;
		event->flags = VFIO_ZPCI_ERR_PRESENT;
	}
	return ret;
}
