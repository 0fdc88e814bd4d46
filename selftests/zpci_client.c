// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small owner of a zPCI function that survives its errors, with nothing but
 * system calls:
 *
 *	zpci_client /dev/vfio/devices/vfioN
 *
 * It ends when the function is lost for good. It is explained step by step in
 * Documentation/arch/s390/zpci-recovery-uapi.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <linux/vfio_zdev.h>
#include <linux/vfio_zdev_error.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* Seconds for which a reset is tried again while the function is busy. */
#define PATIENCE_S	5
/* How often a function may fail again while it is being recovered. */
#define MOST_RESETS	4

/* A description that the kernel gives of a device or a region, with its capabilities. */
union info {
	struct vfio_device_info device;
	struct vfio_region_info region;
	char bytes[1024];
};

/**
 * struct client - an open function
 *
 * @device: the vfio device
 * @wakeup: the error eventfd
 * @region: where the error region is in @device; 0 if there is none
 * @ccdf: room for what the error feature gives; NULL if there is none
 */
struct client {
	int device;
	int wakeup;
	__u64 region;
	__u8 *ccdf;
};

static const void *capability(const union info *info, __u32 at, __u16 id)
{
	const struct vfio_info_cap_header *cap;

	while (at && at + sizeof(*cap) <= sizeof(info->bytes)) {
		cap = (const void *)(info->bytes + at);
		if (cap->id == id)
			return cap;
		at = cap->next;
	}
	return NULL;
}

/* The region has no fixed number: its type identifies it. */
static void find_region(struct client *client, __u32 regions)
{
	const __u32 wanted = VFIO_REGION_TYPE_PCI_VENDOR_TYPE | VFIO_ZPCI_ERROR_REGION_VENDOR;
	const struct vfio_region_info_cap_type *type;
	__u32 i;

	for (i = VFIO_PCI_NUM_REGIONS; i < regions; i++) {
		union info info = { .region = { .argsz = sizeof(info), .index = i } };

		if (ioctl(client->device, VFIO_DEVICE_GET_REGION_INFO, &info))
			continue;
		type = capability(&info, info.region.cap_offset, VFIO_REGION_INFO_CAP_TYPE);
		if (type && type->type == wanted &&
		    type->subtype == VFIO_REGION_SUBTYPE_IBM_ZPCI_ERROR_REGION)
			client->region = info.region.offset;
	}
}

/* Linux 7.3 in C has only the feature. Its length is known from version 3 on. */
static void find_feature(struct client *client, const union info *info)
{
	const struct vfio_device_info_cap_zpci_base *base;

	base = capability(info, info->device.cap_offset, VFIO_DEVICE_INFO_CAP_ZPCI_BASE);
	if (base && base->header.version >= 3 && base->ccdf_err_length >= 32)
		client->ccdf = calloc(1, base->ccdf_err_length);
}

static int find_interface(struct client *client)
{
	union info info = { .device = { .argsz = sizeof(info) } };

	if (ioctl(client->device, VFIO_DEVICE_GET_INFO, &info))
		return -1;
	find_region(client, info.device.num_regions);
	if (!client->region)
		find_feature(client, &info);
	if (client->region || client->ccdf)
		return 0;
	errno = EOPNOTSUPP;
	return -1;
}

/* From here on the kernel leaves recovery to this program. */
static int listen_for_errors(struct client *client)
{
	const size_t size = sizeof(struct vfio_irq_set) + sizeof(client->wakeup);
	struct vfio_irq_set *set = calloc(1, size);
	int ret;

	client->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!set || client->wakeup < 0)
		return -1;
	set->argsz = size;
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = VFIO_PCI_ERR_IRQ_INDEX;
	set->count = 1;
	memcpy(set->data, &client->wakeup, sizeof(client->wakeup));
	ret = ioctl(client->device, VFIO_DEVICE_SET_IRQS, set);
	free(set);
	return ret;
}

/* Takes the next event by the feature, and fills in the record that the region would give. */
static int take_by_feature(struct client *client, struct vfio_device_zpci_err_region *event)
{
	struct vfio_device_feature_zpci_err err = { .data = (unsigned long)client->ccdf };
	const size_t size = sizeof(struct vfio_device_feature) + sizeof(err);
	struct vfio_device_feature *feature = calloc(1, size);
	int ret;

	if (!feature)
		return -1;
	feature->argsz = size;
	feature->flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_ZPCI_ERROR;
	memcpy(feature->data, &err, sizeof(err));
	ret = ioctl(client->device, VFIO_DEVICE_FEATURE, feature);
	free(feature);
	if (ret)
		return errno == ENOMSG ? 0 : -1;

	memset(event, 0, sizeof(*event));
	memcpy(event->ccdf, client->ccdf, sizeof(event->ccdf));
	event->pec = event->ccdf[30] << 8 | event->ccdf[31];
	event->flags = VFIO_ZPCI_ERR_PRESENT;
	if (event->pec == 0x3b || event->pec == 0x40)
		event->flags |= VFIO_ZPCI_ERR_PERMANENT;
	return 1;
}

/* Takes the next event: 1, or 0 if there is none, or -1. */
static int take(struct client *client, struct vfio_device_zpci_err_region *event)
{
	if (!client->region)
		return take_by_feature(client, event);
	if (pread(client->device, event, sizeof(*event), client->region) != sizeof(*event))
		return -1;
	return event->flags & VFIO_ZPCI_ERR_PRESENT ? 1 : 0;
}

/*
 * EAGAIN: somebody is still busy with the function. Linux 7.3 in C says so as
 * soon as an event has been signalled, or says EIO.
 */
static int reset(struct client *client)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (ioctl(client->device, VFIO_DEVICE_RESET)) {
		if (errno != EAGAIN && errno != EIO)
			return -1;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - start.tv_sec >= PATIENCE_S)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* Measurement has failed, but the function works: a reset would only end its work. */
static int works_on(const struct vfio_device_zpci_err_region *event)
{
	return event->pec >= 0x2a && event->pec <= 0x2c;
}

/* Takes all events: 0, or 1 after a permanent failure, or -1. */
static int take_all(struct client *client, int *needs_reset)
{
	struct vfio_device_zpci_err_region event;
	int ret, lost = 0;
	__u64 count;

	/* Cleared before the events are taken: an event that comes later wakes again. */
	if (read(client->wakeup, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -1;
	while ((ret = take(client, &event)) > 0) {
		printf("event 0x%x, flags 0x%x\n", event.pec, event.flags);
		/* The event is older than a reset, or the host has recovered the function. */
		if (event.flags & (VFIO_ZPCI_ERR_STALE | VFIO_ZPCI_ERR_HOST_RECOVERED) ||
		    works_on(&event))
			continue;
		if (event.flags & VFIO_ZPCI_ERR_PERMANENT)
			lost = 1;
		else
			*needs_reset = 1;
	}
	return ret ? ret : lost;
}

/*
 * Resets until no event asks for a reset any more, and only then sets up again. A
 * function may fail during its recovery, and Linux 7.3 in C does not say that an event
 * is older than the reset. 0, or 1 after a permanent failure, or -1.
 */
static int handle_errors(struct client *client)
{
	int ret, resets, needs_reset;

	for (resets = 0;; resets++) {
		needs_reset = 0;
		ret = take_all(client, &needs_reset);
		if (ret || !needs_reset)
			break;
		if (resets == MOST_RESETS || reset(client))
			return -1;
	}
	if (!ret && resets) {
		puts("reset");
		/* A driver writes the command register and sets up its queues again here. */
	}
	return ret;
}

static int open_function(struct client *client, const char *path)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };

	client->device = open(path, O_RDWR | O_CLOEXEC);
	bind.iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (client->device < 0 || bind.iommufd < 0)
		return -1;
	return ioctl(client->device, VFIO_DEVICE_BIND_IOMMUFD, &bind);
}

int main(int argc, char **argv)
{
	struct client client = { 0 };
	struct pollfd wakeup = { .events = POLLIN };
	int ret;

	if (argc != 2 || open_function(&client, argv[1]) || find_interface(&client) ||
	    listen_for_errors(&client)) {
		perror("zpci_client /dev/vfio/devices/vfioN");
		return EXIT_FAILURE;
	}
	setlinebuf(stdout);
	puts("listening");
	wakeup.fd = client.wakeup;
	/* An event may have come before the eventfd was registered: look first, then wait. */
	while (!(ret = handle_errors(&client)))
		poll(&wakeup, 1, -1);
	puts(ret > 0 ? "the function is lost" : "cannot recover");
	return EXIT_FAILURE;
}
