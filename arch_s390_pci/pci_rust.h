/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the C and the Rust code of zPCI meet, besides <asm/pci.h>.
 *
 * This header is read by bindgen, so that both sides are checked against it.
 */
#ifndef __S390_PCI_RUST_H
#define __S390_PCI_RUST_H

#include <linux/errno.h>
#include <linux/types.h>

struct dentry;
struct seq_file;
struct workqueue_struct;
struct zpci_dev;

#ifdef CONFIG_S390_PCI_RUST

/* In C: where interruption indicators are. */
bool zpci_irq_is_directed(void);
u64 zpci_irq_summary(void);

/* In Rust: rust/pci_event.rs. */
int zpci_recovery_init(void);
int zpci_recovery_new(struct zpci_dev *zdev);
void zpci_recovery_release(struct zpci_dev *zdev);
int zpci_recovery_reset_slot(struct zpci_dev *zdev);
int zpci_recovery_show(struct seq_file *m, void *unused);

/* In C: pci_rust.c. */
struct workqueue_struct *zpci_workqueue(void);
int zpci_recovery_create(struct zpci_dev *zdev);
bool zpci_may_log(struct zpci_dev *zdev);

/* Calls @each for all functions that are known, with a reference that it takes over. */
void zpci_visit_functions(void (*each)(struct zpci_dev *zdev, void *data), void *data);

/* Whether a function can be a virtual one of another: both are of one device. */
bool zpci_may_be_virtual_of(struct zpci_dev *zdev, struct zpci_dev *physical);

/* In C: pci.c, makes those functions known that the platform has and that are not yet. */
void zpci_add_new_devices(void);

/* In C: pci_recovery_debug.c. */
void zpci_recovery_debugfs(struct dentry *root);

#else

static inline int zpci_recovery_create(struct zpci_dev *zdev)
{
	return 0;
}

static inline void zpci_recovery_release(struct zpci_dev *zdev)
{
}

static inline int zpci_recovery_reset_slot(struct zpci_dev *zdev)
{
	return -ENOTTY;
}

static inline void zpci_recovery_debugfs(struct dentry *root)
{
}

#endif

#endif /* __S390_PCI_RUST_H */
