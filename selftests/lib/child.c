// SPDX-License-Identifier: GPL-2.0-only
/* Runs calls that may never return in a child, so that the test itself can end. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "wait.h"

pid_t child_start(struct vfio_function *fn, int (*act)(const void *arg), const void *arg,
		  bool again)
{
	pid_t child = fork();
	int ret;

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fn)
		vfio_close(fn);
	do {
		ret = act(arg);
	} while (!ret && again);
	_exit(ret ? 1 : 0);
}

int child_wait(pid_t child)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	int status;

	while (!waitpid(child, &status, WNOHANG))
		if (!wait_on(deadline))
			return -ETIMEDOUT;
	return status ? -EIO : 0;
}

int child_stop(pid_t child)
{
	int status;

	if (waitpid(child, &status, WNOHANG))
		return -EIO;
	kill(child, SIGKILL);
	return waitpid(child, &status, 0) == child ? 0 : -ECHILD;
}
