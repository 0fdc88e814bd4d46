// SPDX-License-Identifier: GPL-2.0-only
/* What the Rust code of zPCI has of the kernel by macros, or early during boot. */
#include <linux/init.h>
#include <linux/ratelimit.h>
#include <linux/workqueue.h>

#include "pci_rust.h"

static struct workqueue_struct *zpci_wq;

static int __init zpci_workqueue_init(void)
{
	zpci_wq = alloc_workqueue("zpci", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return zpci_wq ? 0 : -ENOMEM;
}
postcore_initcall(zpci_workqueue_init);

struct workqueue_struct *zpci_workqueue(void)
{
	return zpci_wq ?: system_dfl_wq;
}

/* What all zPCI messages that a guest or a broken function can cause share. */
bool zpci_ratelimit(void)
{
	static DEFINE_RATELIMIT_STATE(messages, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);

	return ___ratelimit(&messages, "zpci");
}
