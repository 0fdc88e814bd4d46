/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the C and the Rust code of zPCI meet, besides <asm/pci.h>.
 *
 * This header is read by bindgen, so that both sides are checked against it.
 */
#ifndef __S390_PCI_RUST_H
#define __S390_PCI_RUST_H

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
void zpci_recovery_release(struct zpci_dev *zdev);
void zpci_recovery_abandoned(struct zpci_dev *zdev);
void zpci_recovery_was_reset(struct zpci_dev *zdev);
void zpci_recovery_show_header(struct seq_file *m);
void zpci_recovery_show_function(struct seq_file *m, struct zpci_dev *zdev);

/* In C: pci_rust.c. */
struct workqueue_struct *zpci_workqueue(void);
bool zpci_ratelimit(void);

/* In C: pci_recovery_debug.c. */
void zpci_recovery_debugfs(struct dentry *root);

#else

static inline void zpci_recovery_release(struct zpci_dev *zdev)
{
}

static inline void zpci_recovery_was_reset(struct zpci_dev *zdev)
{
}

static inline void zpci_recovery_debugfs(struct dentry *root)
{
}

#endif

#endif /* __S390_PCI_RUST_H */
