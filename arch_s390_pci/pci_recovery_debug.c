// SPDX-License-Identifier: GPL-2.0-only
/* The file of zPCI error recovery in debugfs: the way through all functions. */
#include <linux/debugfs.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>

#include "pci_bus.h"
#include "pci_rust.h"

static struct zpci_dev *zpci_get_function(struct zpci_bus *zbus, unsigned int devfn)
{
	struct zpci_dev *zdev;

	guard(rcu)();
	zdev = READ_ONCE(zbus->function[devfn]);
	return zdev && kref_get_unless_zero(&zdev->kref) ? zdev : NULL;
}

static int zpci_recovery_show(struct seq_file *m, void *unused)
{
	struct zpci_bus *zbus;
	struct zpci_dev *zdev;
	unsigned int devfn;

	zpci_recovery_show_header(m);
	zpci_bus_for_each(zbus) {
		for (devfn = 0; devfn < ZPCI_FUNCTIONS_PER_BUS; devfn++) {
			zdev = zpci_get_function(zbus, devfn);
			if (!zdev)
				continue;
			zpci_recovery_show_function(m, zdev);
			zpci_zdev_put(zdev);
		}
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(zpci_recovery);

void __init zpci_recovery_debugfs(struct dentry *root)
{
	debugfs_create_file("recovery", 0444, root, NULL, &zpci_recovery_fops);
}
