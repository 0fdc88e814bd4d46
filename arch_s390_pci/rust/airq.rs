// SPDX-License-Identifier: GPL-2.0-only

//! Adapter interruptions: registered when MSIs are set up, and again after every reset.
//!
//! C version of this: [`arch/s390/pci/pci_irq.c`](srctree/arch/s390/pci/pci_irq.c)

use kernel::{
    bindings,
    error::from_result,
    pci,
    prelude::*,
    zpci::Device, //
};

/// Registers the adapter interruptions of a function. Returns 0 or an error code.
///
/// # Safety
///
/// `zdev` must be valid, and its indicators must stay until the call is over.
#[export]
unsafe extern "C" fn zpci_set_irq(zdev: *mut bindings::zpci_dev) -> c_int {
    // SAFETY: By the caller's promise.
    let zdev = unsafe { Device::from_raw(zdev) };

    // SAFETY: By the caller's promise.
    from_result(|| unsafe { zdev.register_irq() }.map(|()| 0))
}

/// Deregisters the adapter interruptions of a function. Returns 0 or an error code.
///
/// # Safety
///
/// `zdev` must be valid.
#[export]
unsafe extern "C" fn zpci_clear_irq(zdev: *mut bindings::zpci_dev) -> c_int {
    // SAFETY: By the caller's promise.
    let zdev = unsafe { Device::from_raw(zdev) };

    from_result(|| zdev.deregister_irq().map(|()| 0))
}

/// Registers the adapter interruptions of a PCI device again, unconditionally: a reset has
/// deregistered them, and nobody has said so.
///
/// # Safety
///
/// `pdev` must be a valid PCI device with MSIs set up.
#[export]
unsafe extern "C" fn arch_restore_msi_irqs(pdev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the caller's promise. CAST: `pci::Device` is a transparent wrapper.
    let pdev: &pci::Device = unsafe { &*pdev.cast() };

    if let Some(zdev) = Device::of(pdev) {
        // They may be registered already, which the platform refuses to do twice.
        // SAFETY: The caller restores MSIs that are set up, and so keeps them from being torn down.
        let _ = unsafe { zdev.register_irq() };
    }
    // Always: what the PCI core restores itself are the entries of the device's table.
    true
}
