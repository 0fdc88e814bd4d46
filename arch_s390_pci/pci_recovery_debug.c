// SPDX-License-Identifier: GPL-2.0-only
/* The debugfs file that shows the state of zPCI error recovery. */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "pci_rust.h"

DEFINE_SHOW_ATTRIBUTE(zpci_recovery);

void __init zpci_recovery_debugfs(struct dentry *root)
{
	debugfs_create_file("recovery", 0444, root, NULL, &zpci_recovery_fops);
}
