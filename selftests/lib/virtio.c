// SPDX-License-Identifier: GPL-2.0-only
/*
 * A part of a virtio driver, after the VIRTIO 1.2 specification: just enough to make
 * the DMA of a function fail.
 */
#include <endian.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <stddef.h>

#include "virtio.h"

/* A queue has descriptors, an available ring and a used ring. */
#define RING_PARTS	3

/*
 * The place of a structure in a BAR. Accesses use a window in config space:
 * ism-vfio-pci stores to BARs in whole blocks, which a virtio function refuses.
 */
struct place {
	__u8 window;		/* offset of the window's capability */
	__u8 bar;
	__u32 offset;
	__u32 multiplier;	/* only for the notify structure */
};

/* Returns the offset of the capability, or -errno. */
static int find_cap(struct vfio_function *fn, __u8 type, struct virtio_pci_notify_cap *cap)
{
	int hops = 64;		/* the most steps, as a chain could be a ring */
	__u8 at;
	int ret;

	ret = vfio_config_read(fn, PCI_CAPABILITY_LIST, &at, 1);
	while (!ret && at && hops--) {
		ret = vfio_config_read(fn, at, cap, sizeof(*cap));
		if (!ret && cap->cap.cap_vndr == PCI_CAP_ID_VNDR && cap->cap.cfg_type == type)
			return at;
		at = cap->cap.cap_next;
	}
	return ret ? ret : -ENOENT;
}

static int find_place(struct vfio_function *fn, __u8 type, struct place *place)
{
	struct virtio_pci_notify_cap cap;
	int ret;

	ret = find_cap(fn, VIRTIO_PCI_CAP_PCI_CFG, &cap);
	if (ret < 0)
		return ret;
	place->window = ret;
	ret = find_cap(fn, type, &cap);
	if (ret < 0)
		return ret;
	place->bar = cap.cap.bar;
	place->offset = le32toh(cap.cap.offset);
	place->multiplier = le32toh(cap.notify_off_multiplier);
	return 0;
}

/* Points the window at a field. Returns the offset in config space at which the field is then. */
static int aim(struct vfio_function *fn, struct place *place, __u32 field, int len)
{
	__u32 offset = htole32(place->offset + field), length = htole32(len);
	int ret;

	ret = vfio_config_write(fn, place->window + offsetof(struct virtio_pci_cap, bar),
				&place->bar, sizeof(place->bar));
	if (!ret)
		ret = vfio_config_write(fn, place->window + VIRTIO_PCI_CAP_OFFSET,
					&offset, sizeof(offset));
	if (!ret)
		ret = vfio_config_write(fn, place->window + VIRTIO_PCI_CAP_LENGTH,
					&length, sizeof(length));
	return ret ? ret : (int)(place->window + sizeof(struct virtio_pci_cap));
}

static int put(struct vfio_function *fn, struct place *place, __u32 field, __u32 value, int len)
{
	__u32 le = htole32(value);	/* little-endian: any @len takes the low bytes */
	int at = aim(fn, place, field, len);

	return at < 0 ? at : vfio_config_write(fn, at, &le, len);
}

static int get(struct vfio_function *fn, struct place *place, __u32 field, __u32 *value, int len)
{
	int at = aim(fn, place, field, len);

	*value = 0;
	if (at < 0)
		return at;
	at = vfio_config_read(fn, at, value, len);
	*value = le32toh(*value);
	return at;
}

static int set_status(struct vfio_function *fn, struct place *common, __u32 status)
{
	return put(fn, common, VIRTIO_PCI_COMMON_STATUS, status, 1);
}

/* Accepts features 32 and up: only those that put DMA behind an IOMMU. */
static int negotiate(struct vfio_function *fn, struct place *common)
{
	const __u32 wanted = 1U << (VIRTIO_F_VERSION_1 - 32) |
			     1U << (VIRTIO_F_ACCESS_PLATFORM - 32);
	__u32 offered;
	int ret;

	ret = put(fn, common, VIRTIO_PCI_COMMON_DFSELECT, 1, 4);
	if (!ret)
		ret = get(fn, common, VIRTIO_PCI_COMMON_DF, &offered, 4);
	if (ret)
		return ret;
	if ((offered & wanted) != wanted)
		return -EOPNOTSUPP;
	ret = put(fn, common, VIRTIO_PCI_COMMON_GFSELECT, 0, 4);
	if (!ret)
		ret = put(fn, common, VIRTIO_PCI_COMMON_GF, 0, 4);
	if (!ret)
		ret = put(fn, common, VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	if (!ret)
		ret = put(fn, common, VIRTIO_PCI_COMMON_GF, wanted, 4);
	return ret;
}

static int place_queue(struct vfio_function *fn, struct place *common, __u64 at)
{
	static const __u32 parts[RING_PARTS] = {
		VIRTIO_PCI_COMMON_Q_DESCLO, VIRTIO_PCI_COMMON_Q_AVAILLO,
		VIRTIO_PCI_COMMON_Q_USEDLO,
	};
	int ret = put(fn, common, VIRTIO_PCI_COMMON_Q_SELECT, 0, 2);
	int i;

	for (i = 0; !ret && i < RING_PARTS; i++) {
		/* Each part has a page of its own, so that DMA to each of them fails. */
		ret = put(fn, common, parts[i], (__u32)at + i * 0x1000, 4);
		if (!ret)
			ret = put(fn, common, parts[i] + 4, at >> 32, 4);
	}
	return ret;
}

int virtio_provoke_error(struct vfio_function *fn, __u64 unmapped)
{
	__u32 status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	struct place common, notify;
	__u32 queue_at = 0;
	int ret;

	ret = find_place(fn, VIRTIO_PCI_CAP_COMMON_CFG, &common);
	if (!ret)
		ret = find_place(fn, VIRTIO_PCI_CAP_NOTIFY_CFG, &notify);
	if (ret == -ENOENT)
		return -EOPNOTSUPP;
	if (!ret)
		ret = vfio_enable_bus_master(fn);
	if (!ret)
		ret = set_status(fn, &common, 0);
	if (!ret)
		ret = set_status(fn, &common, status);
	if (!ret)
		ret = negotiate(fn, &common);
	if (!ret)
		ret = set_status(fn, &common, status |= VIRTIO_CONFIG_S_FEATURES_OK);
	if (!ret)
		ret = place_queue(fn, &common, unmapped);
	if (!ret)
		ret = get(fn, &common, VIRTIO_PCI_COMMON_Q_NOFF, &queue_at, 2);
	if (ret)
		return ret;
	/*
	 * Any of these steps may cause the error. The function then answers nothing any
	 * more, so this does not check results.
	 */
	put(fn, &common, VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
	set_status(fn, &common, status | VIRTIO_CONFIG_S_DRIVER_OK);
	put(fn, &notify, queue_at * notify.multiplier, 0, 2);
	return 0;
}
