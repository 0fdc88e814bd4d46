// SPDX-License-Identifier: GPL-2.0-only

//! VFIO: devices whose drivers are programs in user space or virtual machines.
//!
//! C header: [`include/linux/vfio.h`](srctree/include/linux/vfio.h)

use crate::{
    bindings,
    types::Opaque, //
};

pub mod pci;

/// A virtual machine that a device belongs to.
///
/// # Invariants
///
/// A [`Kvm`] is a valid `struct kvm`.
#[repr(transparent)]
pub struct Kvm(Opaque<bindings::kvm>);

impl Kvm {
    pub(crate) fn as_raw(&self) -> *mut bindings::kvm {
        self.0.get()
    }
}
