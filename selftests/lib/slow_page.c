// SPDX-License-Identifier: GPL-2.0-only
/* Memory whose access waits until the test allows it, by userfaultfd. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "slow_page.h"
#include "wait.h"

static int slow_page_register(struct slow_page *slow)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (unsigned long)slow->page, .len = slow->len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	if (ioctl(slow->uffd, UFFDIO_API, &api) || ioctl(slow->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

int slow_page_new(struct slow_page *slow)
{
	int ret;

	memset(slow, 0, sizeof(*slow));
	slow->len = sysconf(_SC_PAGESIZE);
	slow->uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (slow->uffd < 0)
		return -EOPNOTSUPP;
	slow->page = mmap(NULL, slow->len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slow->page == MAP_FAILED) {
		close(slow->uffd);
		return -ENOMEM;
	}
	ret = slow_page_register(slow);
	if (ret)
		slow_page_free(slow);
	return ret;
}

void slow_page_free(struct slow_page *slow)
{
	/* Ends accesses that still wait: they find no memory. */
	munmap(slow->page, slow->len);
	close(slow->uffd);
}

int slow_page_wait(struct slow_page *slow, int timeout_ms)
{
	struct uffd_msg msg;
	int ret = poll_wait(slow->uffd, timeout_ms);

	if (ret)
		return ret;
	if (read(slow->uffd, &msg, sizeof(msg)) != sizeof(msg))
		return -EIO;
	return msg.event == UFFD_EVENT_PAGEFAULT ? 0 : -EPROTO;
}

int slow_page_fill(struct slow_page *slow)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (unsigned long)slow->page, .len = slow->len },
	};

	return ioctl(slow->uffd, UFFDIO_ZEROPAGE, &zero) ? -errno : 0;
}

int slow_page_break(struct slow_page *slow)
{
	struct uffdio_range range = { .start = (unsigned long)slow->page, .len = slow->len };

	if (mprotect(slow->page, slow->len, PROT_NONE))
		return -errno;
	return ioctl(slow->uffd, UFFDIO_UNREGISTER, &range) ? -errno : 0;
}
