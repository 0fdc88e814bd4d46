// SPDX-License-Identifier: GPL-2.0-only

//! VFIO: devices that user space drives.
//!
//! C header: [`include/linux/vfio.h`](srctree/include/linux/vfio.h)

use crate::bindings;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

pub mod feature;
pub mod info;
pub mod pci;

/// A virtual machine that a device belongs to.
///
/// # Invariants
///
/// The pointer is to a valid `struct kvm`, to which the device holds a reference for as long as
/// `'a` lasts.
#[derive(Clone, Copy)]
pub struct Kvm<'a>(NonNull<bindings::kvm>, PhantomData<&'a bindings::kvm>);

impl Kvm<'_> {
    #[cfg_attr(not(CONFIG_S390_PCI_RUST), expect(dead_code))]
    pub(crate) fn as_ptr(self) -> *mut bindings::kvm {
        self.0.as_ptr()
    }
}
