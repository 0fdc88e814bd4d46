// SPDX-License-Identifier: GPL-2.0-only
/* PCI functions in sysfs: finding, binding, configuration space and slots. */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "pci.h"
#include "wait.h"

#define DEVICES		"/sys/bus/pci/devices"
#define SLOTS		"/sys/bus/pci/slots"
#define CLASS_NVME	0x010802

int pci_read_attr(const char *address, const char *attr, unsigned long *value)
{
	char path[PATH_MAX], text[32];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", address, attr);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -EIO;
	text[len] = 0;
	*value = strtoul(text, NULL, 0);
	return 0;
}

/* Returns the last component of the target of a link, such as the driver's name. */
static int read_link(const char *address, const char *link, char *name, size_t len)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *base;
	ssize_t got;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", address, link);
	got = readlink(path, target, sizeof(target) - 1);
	if (got < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	target[got] = 0;
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	return snprintf(name, len, "%s", base) < (int)len ? 0 : -ENAMETOOLONG;
}

int pci_write_attr(const char *address, const char *attr, const char *value)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEVICES "/%s/%s", address, attr);
	return file_write(path, value);
}

static bool is_kind(const char *address, enum pci_kind kind)
{
	unsigned long class;

	if (kind == PCI_KIND_NON_PCIE)
		return !pci_is_pcie(address);
	return !pci_read_attr(address, "class", &class) && class == CLASS_NVME;
}

int pci_find_all(enum pci_kind kind, char addresses[][PCI_ADDRESS_LEN], int room)
{
	struct dirent *entry;
	int found = 0;
	DIR *dir = opendir(DEVICES);

	if (!dir)
		return -errno;
	while (found < room && (entry = readdir(dir))) {
		if (strlen(entry->d_name) == PCI_ADDRESS_LEN - 1 && is_kind(entry->d_name, kind))
			memcpy(addresses[found++], entry->d_name, PCI_ADDRESS_LEN);
	}
	closedir(dir);
	return found;
}

int pci_find_other(enum pci_kind kind, const char *not_this, char *address)
{
	char found[2][PCI_ADDRESS_LEN];
	int i, count = pci_find_all(kind, found, 2);

	for (i = 0; i < count; i++) {
		if (!strcmp(found[i], not_this))
			continue;
		memcpy(address, found[i], PCI_ADDRESS_LEN);
		return 0;
	}
	return count < 0 ? count : -ENODEV;
}

int pci_find(enum pci_kind kind, char *address)
{
	const char *named = getenv(kind == PCI_KIND_NVME ? "ZPCI_NVME" : "ZPCI_NON_PCIE");

	if (named && strlen(named) < PCI_ADDRESS_LEN) {
		memcpy(address, named, strlen(named) + 1);
		return 0;
	}
	return pci_find_other(kind, "", address);
}

int pci_driver(const char *address, char *driver, size_t len)
{
	return read_link(address, "driver", driver, len);
}

int pci_iommu_group(const char *address)
{
	char name[16];
	int ret = read_link(address, "iommu_group", name, sizeof(name));

	return ret ? ret : atoi(name);
}

int pci_bind_new(const char *address, const char *driver, int timeout_ms)
{
	__u64 deadline = deadline_in(timeout_ms);
	int ret;

	do {
		ret = pci_bind(address, driver);
	} while (ret && wait_on(deadline));
	return ret;
}

int pci_unbind(const char *address)
{
	return pci_write_attr(address, "driver/unbind", address);
}

int pci_bind(const char *address, const char *driver)
{
	char now[64];
	int ret;

	if (!pci_driver(address, now, sizeof(now))) {
		if (!strcmp(now, driver))
			return 0;
		ret = pci_unbind(address);
		if (ret)
			return ret;
	}
	ret = pci_write_attr(address, "driver_override", driver);
	if (ret)
		return ret;
	ret = file_write("/sys/bus/pci/drivers_probe", address);
	if (ret)
		return ret;
	ret = pci_driver(address, now, sizeof(now));
	if (ret)
		return ret;
	return strcmp(now, driver) ? -EBUSY : 0;
}

static int config_access(const char *address, off_t offset, void *buf, size_t len, bool write)
{
	char path[PATH_MAX];
	ssize_t done;
	int fd;

	snprintf(path, sizeof(path), DEVICES "/%s/config", address);
	fd = open(path, (write ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	done = write ? pwrite(fd, buf, len, offset) : pread(fd, buf, len, offset);
	if (done < 0)
		done = -errno;
	close(fd);
	if (done < 0)
		return done;
	return (size_t)done == len ? 0 : -EIO;
}

int pci_config_read(const char *address, off_t offset, void *buf, size_t len)
{
	return config_access(address, offset, buf, len, false);
}

int pci_config_write(const char *address, off_t offset, const void *buf, size_t len)
{
	return config_access(address, offset, (void *)buf, len, true);
}

bool pci_answers(const char *address)
{
	__u32 id;

	/*
	 * Reads the Command register: the kernel returns the IDs of a function in error
	 * from memory.
	 */
	return !pci_config_read(address, PCI_COMMAND, &id, sizeof(id)) && id != ~0U;
}

int pci_wait_answers(const char *address, int timeout_ms)
{
	__u64 deadline = deadline_in(timeout_ms);

	while (!pci_answers(address))
		if (!wait_on(deadline))
			return -ETIMEDOUT;
	return 0;
}

static int wait_present(const char *path, bool present, int timeout_ms)
{
	__u64 deadline = deadline_in(timeout_ms);

	while (!access(path, F_OK) != present)
		if (!wait_on(deadline))
			return -ETIMEDOUT;
	return 0;
}

int pci_wait_present(const char *address, bool present, int timeout_ms)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEVICES "/%s", address);
	return wait_present(path, present, timeout_ms);
}

/* The device node exists before the disk can be opened, and after it can be opened no more. */
static bool can_be_opened(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

int pci_wait_disk(const char *address, char *path, size_t len, int timeout_ms)
{
	__u64 deadline = deadline_in(timeout_ms);
	char pattern[PATH_MAX];
	glob_t found;
	bool there;

	snprintf(pattern, sizeof(pattern), DEVICES "/%s/nvme/nvme*/nvme*n1", address);
	for (;;) {
		there = !glob(pattern, 0, NULL, &found);
		if (there)
			snprintf(path, len, "/dev/%s", strrchr(found.gl_pathv[0], '/') + 1);
		globfree(&found);
		if (there && can_be_opened(path))
			return 0;
		if (!wait_on(deadline))
			return -ETIMEDOUT;
	}
}

bool pci_is_pcie(const char *address)
{
	char path[PATH_MAX];

	/* Asks the kernel, because config space of a function in error cannot be read. */
	snprintf(path, sizeof(path), DEVICES "/%s/max_link_speed", address);
	return !access(path, F_OK);
}

int pci_slot(const char *address, char *slot, size_t len)
{
	unsigned long fid;
	int ret = pci_read_attr(address, "function_id", &fid);

	if (ret)
		return ret;
	snprintf(slot, len, "%08lx", fid);
	return 0;
}

int pci_slot_power(const char *slot, bool on)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), SLOTS "/%s/power", slot);
	return file_write(path, on ? "1" : "0");
}

int pci_wait_slot(const char *slot, bool present, int timeout_ms)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), SLOTS "/%s", slot);
	return wait_present(path, present, timeout_ms);
}
