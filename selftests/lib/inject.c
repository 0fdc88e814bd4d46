// SPDX-License-Identifier: GPL-2.0-only
/* Hands events to the kernel that the emulator does not raise, by zpci_inject.ko. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "inject.h"
#include "module.h"
#include "pci.h"

#define DIRECTORY	"/sys/kernel/debug/zpci_inject"

bool inject_load(void)
{
	if (access(DIRECTORY, X_OK))
		module_load("zpci_inject");
	return !access(DIRECTORY, X_OK);
}

int inject_open(const char *file)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), DIRECTORY "/%s", file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

ssize_t inject_write(const char *file, const void *raw, size_t len, off_t offset)
{
	int fd = inject_open(file);
	ssize_t done;

	if (fd < 0)
		return fd;
	done = pwrite(fd, raw, len, offset);
	if (done < 0)
		done = -errno;
	close(fd);
	return done;
}

int inject_ccdf(const char *file, const struct ccdf *ccdf)
{
	__u8 raw[CCDF_LEN];
	ssize_t done;

	ccdf_encode(ccdf, raw);
	done = inject_write(file, raw, sizeof(raw), 0);
	if (done < 0)
		return done;
	return done == sizeof(raw) ? 0 : -EIO;
}

int inject_aim(const char *address, struct ccdf *ccdf)
{
	unsigned long value;
	int ret;

	ret = pci_read_attr(address, "function_handle", &value);
	if (ret)
		return ret;
	ccdf->fh = value;
	ret = pci_read_attr(address, "function_id", &value);
	ccdf->fid = value;
	return ret;
}

int inject_event(const char *file, const char *address, __u16 pec)
{
	struct ccdf ccdf = { .pec = pec };
	int ret = inject_aim(address, &ccdf);

	return ret ? ret : inject_ccdf(file, &ccdf);
}

int inject_error(const char *address, __u16 pec)
{
	return inject_event(INJECT_ERROR, address, pec);
}
