// SPDX-License-Identifier: GPL-2.0-only
/* What the Rust code of zPCI has of the kernel by macros, or early during boot. */
#include <linux/init.h>
#include <linux/msi.h>
#include <linux/pci.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

#include "pci_bus.h"
#include "pci_rust.h"

static struct workqueue_struct *zpci_wq;

static int __init zpci_workqueue_init(void)
{
	/* Not for reclaim: drivers that are removed here flush other queues. */
	zpci_wq = alloc_workqueue("zpci", WQ_UNBOUND, 0);
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

int zpci_reset_with_irqs(struct zpci_dev *zdev, struct pci_dev *pdev)
{
	if (!pdev->dev.msi.data)
		return zpci_hot_reset_device(zdev);

	guard(msi_descs_lock)(&pdev->dev);
	return zpci_hot_reset_device(zdev);
}
