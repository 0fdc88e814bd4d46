// SPDX-License-Identifier: GPL-2.0-only

//! Adapter interruptions (airq) of a function: registered when its MSIs are set up, and again after
//! every reset. The callers hold `reg_lock` of the `zpci_dev`. MSI teardown takes `reg_lock` as
//! well, so the interruption indicators are not freed during a registration.
//!
//! C version: [`arch/s390/pci/pci_irq.c`](srctree/arch/s390/pci/pci_irq.c)

use kernel::{
    bindings,
    error::from_result,
    prelude::*,
    zpci::Device, //
};

/// Registers the adapter interruptions of a function. Returns 0 or an error code.
///
/// # Safety
///
/// `zdev` must be valid, and nobody may free the function's indicators during the call.
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
