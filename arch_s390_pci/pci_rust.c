// SPDX-License-Identifier: GPL-2.0-only
/* C functions that Rust code calls: the workqueue, the limit of log messages, and iteration. */
#include <linux/init.h>
#include <linux/pci.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

#include "pci_bus.h"
#include "pci_rust.h"

static struct workqueue_struct *zpci_wq;

static int __init zpci_event_init(void)
{
	/*
	 * Do not set WQ_MEM_RECLAIM: the work items recover and remove drivers, and drivers flush
	 * workqueues without WQ_MEM_RECLAIM. The kernel would warn about such a flush from a
	 * workqueue with WQ_MEM_RECLAIM.
	 */
	zpci_wq = alloc_workqueue("zpci", WQ_UNBOUND, 0);
	return zpci_wq ? zpci_recovery_init() : -ENOMEM;
}
postcore_initcall(zpci_event_init);

struct workqueue_struct *zpci_workqueue(void)
{
	return zpci_wq ?: system_dfl_wq;
}

/* Initializes the limit of log messages of a new function, and makes its struct Recovery. */
int zpci_recovery_create(struct zpci_dev *zdev)
{
	ratelimit_default_init(&zdev->log_limit);
	return zpci_recovery_new(zdev);
}

/*
 * Counts a log message about @zdev, or about an unknown function if @zdev is NULL. Returns whether
 * the limit of messages allows this one.
 */
bool zpci_ratelimit(struct zpci_dev *zdev)
{
	static DEFINE_RATELIMIT_STATE(unknown, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);

	return ___ratelimit(zdev ? &zdev->log_limit : &unknown, "zpci");
}

static struct zpci_dev *zpci_get_function(struct zpci_bus *zbus, unsigned int devfn)
{
	struct zpci_dev *zdev;

	guard(rcu)();
	zdev = READ_ONCE(zbus->function[devfn]);
	return zdev && kref_get_unless_zero(&zdev->kref) ? zdev : NULL;
}

void zpci_visit_functions(void (*each)(struct zpci_dev *zdev, void *data), void *data)
{
	struct zpci_bus *zbus;
	struct zpci_dev *zdev;
	unsigned int devfn;

	zpci_bus_for_each(zbus) {
		for (devfn = 0; devfn < ZPCI_FUNCTIONS_PER_BUS; devfn++) {
			zdev = zpci_get_function(zbus, devfn);
			if (zdev)
				each(zdev, data);
		}
	}
}

bool zpci_may_be_virtual_of(struct zpci_dev *zdev, struct zpci_dev *physical)
{
	if (!zdev->vfn || !zdev->rid_available || !physical->is_physfn)
		return false;
	if (zdev->tid_avail != physical->tid_avail)
		return false;
	return zdev->tid_avail ? zdev->tid == physical->tid : zdev->pchid == physical->pchid;
}
