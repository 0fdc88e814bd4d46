// SPDX-License-Identifier: GPL-2.0-only

//! Functions whose instructions a virtual machine interprets.
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
    /// Lets a virtual machine interpret the function's instructions. The function's handle
    /// changes.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if KVM does not support interpretation, or an error of KVM.
    pub fn register_kvm(&self, kvm: &Kvm) -> Result {
        // SAFETY: By their type invariants the function and the machine are valid.
        checked(unsafe { bindings::zpci_kvm_register(self.zdev().as_raw(), kvm.as_raw()) })
    }
}

impl Device {
    /// Takes the function from its virtual machine. The function's handle changes, so the caller
    /// holds `state_lock`. The exception: a holder of `state_lock` is waiting for the caller to let
    /// the function go.
    pub fn unregister_kvm(&self, _state: Option<&StateGuard<'_>>) {
        // SAFETY: By the type invariant the function is valid.
        unsafe { bindings::zpci_kvm_unregister(self.as_raw()) };
    }
}
