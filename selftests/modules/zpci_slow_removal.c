// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes the PCI core slow while it removes a device, before or after it calls zPCI's
 * notifier, so that a test can act on the function at exactly that moment.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/pci.h>

static int before_ms;
module_param(before_ms, int, 0600);
MODULE_PARM_DESC(before_ms, "how long it takes before zPCI hears of it");

static int after_ms;
module_param(after_ms, int, 0600);
MODULE_PARM_DESC(after_ms, "how long it takes after that");

static int before(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action == BUS_NOTIFY_REMOVED_DEVICE)
		msleep(before_ms);
	return NOTIFY_DONE;
}

static int after(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action == BUS_NOTIFY_REMOVED_DEVICE)
		msleep(after_ms);
	return NOTIFY_DONE;
}

/* The notifier of zPCI has priority 0, between the priorities of these two. */
static struct notifier_block before_nb = { .notifier_call = before, .priority = 1 };
static struct notifier_block after_nb = { .notifier_call = after, .priority = -1 };

static int __init removal_init(void)
{
	bus_register_notifier(&pci_bus_type, &before_nb);
	return bus_register_notifier(&pci_bus_type, &after_nb);
}
module_init(removal_init);

static void __exit removal_exit(void)
{
	bus_unregister_notifier(&pci_bus_type, &after_nb);
	bus_unregister_notifier(&pci_bus_type, &before_nb);
}
module_exit(removal_exit);

MODULE_DESCRIPTION("Slow removal of PCI devices");
MODULE_LICENSE("GPL");
