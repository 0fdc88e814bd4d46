// SPDX-License-Identifier: GPL-2.0-only

//! Registers functions with KVM: the hardware then interprets the PCI instructions of the guest.
//!
//! C header: [`arch/s390/include/asm/kvm_host.h`](srctree/arch/s390/include/asm/kvm_host.h)

use super::{
    checked,
    Device,
    StateGuard, //
};
use crate::{
    bindings,
    prelude::*,
    vfio::Kvm, //
};

impl StateGuard<'_> {
    /// Registers the function with a virtual machine: the hardware then interprets the guest's PCI
    /// instructions for the function. The function's handle changes, so `state_lock` must be held.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if KVM does not support interpretation, or another error of KVM.
    pub fn register_kvm(&self, kvm: &Kvm) -> Result {
        // SAFETY: By their type invariants the function and the virtual machine are valid. The
        // guard holds `state_lock`.
        checked(unsafe { bindings::zpci_kvm_register(self.zdev().as_raw(), kvm.as_raw()) })
    }
}

impl Device {
    /// Deregisters the function from its virtual machine. The function's handle changes, so the
    /// caller must hold `state_lock`. A caller that closes the function may give [`None`] if
    /// another thread keeps `state_lock` held: that thread may be waiting until the function is
    /// closed, and to wait for that thread would be a deadlock.
    pub fn unregister_kvm(&self, _state: Option<&StateGuard<'_>>) {
        // SAFETY: By the type invariant the function is valid.
        unsafe { bindings::zpci_kvm_unregister(self.as_raw()) };
    }
}
