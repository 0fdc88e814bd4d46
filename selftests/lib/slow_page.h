/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_SLOW_PAGE_H
#define ZPCI_SELFTEST_SLOW_PAGE_H

#include <stddef.h>

/**
 * struct slow_page - a page of memory: an access waits until the test allows it
 *
 * @uffd: the userfaultfd that tells of accesses
 * @page: the page
 * @len: its size
 *
 * The kernel waits there, too, in the middle of a copy to user space.
 */
struct slow_page {
	int uffd;
	void *page;
	size_t len;
};

/* Makes the page: 0, -EOPNOTSUPP if the kernel has no userfaultfd, or -errno. */
int slow_page_new(struct slow_page *slow);
void slow_page_free(struct slow_page *slow);

/* Waits until an access has stopped at the page: 0, -ETIMEDOUT or -errno. */
int slow_page_wait(struct slow_page *slow, int timeout_ms);

/* Ends the waiting of an access: it finds a page of zeroes, or fails. */
int slow_page_fill(struct slow_page *slow);
int slow_page_break(struct slow_page *slow);

#endif
