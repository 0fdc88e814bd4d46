// SPDX-License-Identifier: GPL-2.0-only
/* Loads and removes modules of the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module.h"

int module_load(const char *name)
{
	pid_t child = fork();
	int status;

	if (!child) {
		/* The modules of an installed test are in a folder beside the programs. */
		execlp("sh", "sh", "-c",
		       "modprobe -q \"$0\" || insmod modules/\"$0\".ko 2>/dev/null", name, NULL);
		_exit(1);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -errno;
	return status ? -ENOENT : 0;
}

int module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}
