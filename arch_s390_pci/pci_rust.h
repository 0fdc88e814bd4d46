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
struct pci_dev;
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
int zpci_recovery_show(struct seq_file *m, void *unused);

/* In C: pci_rust.c. */
struct workqueue_struct *zpci_workqueue(void);
bool zpci_ratelimit(void);

/* Calls @each for all functions that are known, with a reference that it takes over. */
void zpci_visit_functions(void (*each)(struct zpci_dev *zdev, void *data), void *data);

/* Resets a function, while nobody sets up its interruptions or tears them down. */
int zpci_reset_with_irqs(struct zpci_dev *zdev, struct pci_dev *pdev);

/* In C: pci.c, makes those functions known that the platform has and that are not yet. */
void zpci_add_new_devices(void);

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
