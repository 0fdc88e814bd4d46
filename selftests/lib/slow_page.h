/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_SLOW_PAGE_H
#define ZPCI_SELFTEST_SLOW_PAGE_H

#include <stddef.h>

/**
 * struct slow_page - a page of memory in which whoever touches it waits
 *
 * @uffd: the userfaultfd that says so
 * @page: the page
 * @len: its size
 *
 * The kernel waits there as well, in the middle of copying to user space.
 */
struct slow_page {
	int uffd;
	void *page;
	size_t len;
};

/* Returns 0, -EOPNOTSUPP where the kernel has no userfaultfd, or -errno. */
int slow_page_new(struct slow_page *slow);
void slow_page_free(struct slow_page *slow);

/* Waits until somebody waits in the page: 0, -ETIMEDOUT or -errno. */
int slow_page_wait(struct slow_page *slow, int timeout_ms);

/* Lets it go on: with a page that works, or with one that does not. */
int slow_page_fill(struct slow_page *slow);
int slow_page_break(struct slow_page *slow);

#endif
