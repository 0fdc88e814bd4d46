/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations that the C and the Rust code of zPCI share, besides <asm/pci.h>.
 *
 * bindgen reads this header, so the C compiler and rustc both check their code against it.
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

/*
 * Defined in C, in pci_irq.c: whether the machine directs each interrupt to one CPU, and the
 * address of the vector of all functions' summary bits.
 */
bool zpci_irq_is_directed(void);
u64 zpci_irq_summary(void);

/* Defined in Rust, in rust/pci_event.rs. */
int zpci_recovery_init(void);
int zpci_recovery_new(struct zpci_dev *zdev);
void zpci_recovery_release(struct zpci_dev *zdev);
int zpci_recovery_reset_slot(struct zpci_dev *zdev);
int zpci_recovery_show(struct seq_file *m, void *unused);

/* Defined in C, in pci_rust.c. */
struct workqueue_struct *zpci_workqueue(void);
int zpci_recovery_create(struct zpci_dev *zdev);
bool zpci_ratelimit(struct zpci_dev *zdev);

/* Calls @each for every function with a zpci_dev. @each must release its reference to @zdev. */
void zpci_visit_functions(void (*each)(struct zpci_dev *zdev, void *data), void *data);

/*
 * Whether @zdev may be a virtual function of @physical: @zdev is a virtual function, @physical is a
 * physical function, and both belong to the same device.
 */
bool zpci_may_be_virtual_of(struct zpci_dev *zdev, struct zpci_dev *physical);

/* Defined in C, in pci.c: creates a zpci_dev for each of the platform's functions without one. */
void zpci_add_new_devices(void);

/* Defined in C, in pci_recovery_debug.c. */
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
