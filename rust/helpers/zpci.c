// SPDX-License-Identifier: GPL-2.0-only

#ifdef CONFIG_S390_PCI_RUST

#include <linux/device.h>
#include <linux/io.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <asm/pci_debug.h>
#include "../../arch/s390/pci/pci_bus.h"

__rust_helper struct zpci_dev *rust_helper_to_zpci(struct pci_dev *pdev)
{
	return to_zpci(pdev);
}

__rust_helper struct pci_dev *rust_helper_pci_physfn(struct pci_dev *pdev)
{
	return pci_physfn(pdev);
}

__rust_helper void rust_helper_zpci_zdev_get(struct zpci_dev *zdev)
{
	zpci_zdev_get(zdev);
}

__rust_helper int rust_helper_device_trylock(struct device *dev)
{
	return device_trylock(dev);
}

__rust_helper void rust_helper_device_unlock(struct device *dev)
{
	device_unlock(dev);
}

__rust_helper bool rust_helper_device_is_registered(struct device *dev)
{
	return device_is_registered(dev);
}

__rust_helper bool rust_helper_fatal_signal_pending(struct task_struct *task)
{
	return fatal_signal_pending(task);
}

__rust_helper void rust_helper_zpci_err_ccdf(void *ccdf, int len)
{
	debug_text_event(pci_debug_err_id, 0, "error CCDF:\n");
	zpci_err_hex(ccdf, len);
}

__rust_helper void rust_helper_zpci_dbg_message(int level, char *format,
						u32 a, u32 b, u32 c)
{
	debug_sprintf_event(pci_debug_msg_id, level, format, (unsigned long)a,
			    (unsigned long)b, (unsigned long)c);
}

__rust_helper int rust_helper_zpci_kvm_register(struct zpci_dev *zdev,
						struct kvm *kvm)
{
#if IS_ENABLED(CONFIG_VFIO_PCI_ZDEV_KVM)
	if (zpci_kvm_hook.kvm_register)
		return zpci_kvm_hook.kvm_register(zdev, kvm);
	return -ENOENT;
#else
	/*
	 * Succeed without registering anything: without PCI interpretation KVM
	 * intercepts the guest's PCI instructions, which needs no registration.
	 * An error would keep the owner from opening the function.
	 */
	return 0;
#endif
}

__rust_helper void rust_helper_zpci_kvm_unregister(struct zpci_dev *zdev)
{
#if IS_ENABLED(CONFIG_VFIO_PCI_ZDEV_KVM)
	if (zpci_kvm_hook.kvm_unregister)
		zpci_kvm_hook.kvm_unregister(zdev);
#endif
}

__rust_helper void *rust_helper_page_address(const struct page *page)
{
	return page_address(page);
}

__rust_helper phys_addr_t rust_helper_virt_to_phys(void *address)
{
	return virt_to_phys(address);
}

#endif /* CONFIG_S390_PCI_RUST */
