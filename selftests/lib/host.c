// SPDX-License-Identifier: GPL-2.0-only
/* Commands for the emulator, which are printed on the console. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "wait.h"

void host_command(const char *command, const char *format, ...)
{
	char line[512], arguments[384], *quote;
	va_list args;
	ssize_t done;
	int fd, len;

	va_start(args, format);
	vsnprintf(arguments, sizeof(arguments), format, args);
	va_end(args);
	len = snprintf(line, sizeof(line), "\nzpci-host: {'execute':'%s','arguments':{%s}}\n",
		       command, arguments);
	for (quote = line; (quote = strchr(quote, '\'')); )
		*quote = '"';
	/* A single write, so that no other output gets into the line. */
	fd = open("/dev/console", O_WRONLY | O_CLOEXEC);
	done = write(fd < 0 ? STDOUT_FILENO : fd, line, len);
	if (done < 0)
		perror("zpci-host");
	if (fd >= 0)
		close(fd);
}

/* A time makes the name unique: QEMU refuses a name that any test has used before. */
static __u64 plug_zpci(int uid, int fid)
{
	__u64 name = now_ns();

	host_command("device_add",
		     "'driver':'zpci','id':'zhot%llu','uid':%d,'fid':%d,'target':'hot%llu'",
		     name, uid, fid, name);
	return name;
}

__u64 host_plug_nvme_as(int uid, int fid)
{
	__u64 name = plug_zpci(uid, fid);

	host_command("blockdev-add",
		     "'driver':'null-co','node-name':'disk%llu','size':16777216,'read-zeroes':true",
		     name);
	host_command("device_add",
		     "'driver':'nvme','id':'hot%llu','drive':'disk%llu','serial':'hot'",
		     name, name);
	return name;
}

__u64 host_plug_nvme(int uid)
{
	return host_plug_nvme_as(uid, uid);
}

__u64 host_plug_e1000e(int uid)
{
	__u64 name = plug_zpci(uid, uid);

	host_command("device_add", "'driver':'e1000e','id':'hot%llu','romfile':''", name);
	return name;
}

void host_unplug(__u64 name)
{
	host_command("device_del", "'id':'hot%llu'", name);
}
