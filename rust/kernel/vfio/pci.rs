// SPDX-License-Identifier: GPL-2.0-only

//! vfio-pci-core, seen from Rust code that is linked into it: devices ([`CoreDevice`]), and regions
//! that are added to them ([`Region`]).
//!
//! vfio-pci-core may be a module, and the kernel crate is built in. So each function here that
//! calls vfio-pci-core is `#[inline]`: the crate would not link otherwise.
//!
//! C header: [`include/linux/vfio_pci_core.h`](srctree/include/linux/vfio_pci_core.h)

use super::Kvm;
use crate::{
    bindings,
    container_of,
    pci,
    types::Opaque, //
};

mod region;

pub use region::Region;

/// A PCI device under vfio-pci.
///
/// Wraps the kernel's C `struct vfio_pci_core_device`.
///
/// # Invariants
///
/// A [`CoreDevice`] is a valid `struct vfio_pci_core_device` that is registered: the PCI device
/// that it is for is valid, too, and has it as its driver data.
#[repr(transparent)]
pub struct CoreDevice(Opaque<bindings::vfio_pci_core_device>);

impl CoreDevice {
    /// Makes a reference of a pointer.
    ///
    /// # Safety
    ///
    /// The pointer must be to a device that stays registered for as long as `'a` lasts.
    #[inline]
    pub unsafe fn from_raw<'a>(vdev: *mut bindings::vfio_pci_core_device) -> &'a Self {
        // SAFETY: By the caller's promise; the type is transparent.
        unsafe { &*vdev.cast() }
    }

    /// Makes a reference of a pointer to the `struct vfio_device` of such a device.
    ///
    /// # Safety
    ///
    /// The pointer must be to the `vdev` of a device that stays registered for as long as `'a`
    /// lasts.
    #[inline]
    pub unsafe fn from_vfio<'a>(device: *mut bindings::vfio_device) -> &'a Self {
        // SAFETY: By the caller's promise.
        let vdev = unsafe { container_of!(device, bindings::vfio_pci_core_device, vdev) };

        // SAFETY: By the caller's promise.
        unsafe { Self::from_raw(vdev) }
    }

    #[inline]
    fn as_raw(&self) -> *mut bindings::vfio_pci_core_device {
        self.0.get()
    }

    /// Returns the PCI device.
    #[inline]
    pub fn pdev(&self) -> &pci::Device {
        // SAFETY: By the type invariant the PCI device is valid, for as long as `self` is.
        // CAST: `pci::Device` is a transparent wrapper of `struct pci_dev`.
        unsafe { &*(*self.as_raw()).pdev.cast() }
    }

    /// Returns the virtual machine that the device belongs to.
    ///
    /// vfio sets it before it opens the device, and clears it after it has closed it. The caller is
    /// in between, or part of either.
    #[inline]
    pub fn kvm(&self) -> Option<&Kvm> {
        // SAFETY: By the type invariant the device is valid, and it holds a reference to the
        // machine. CAST: `Kvm` is a transparent wrapper of `struct kvm`.
        unsafe { (*self.as_raw()).vdev.kvm.cast::<Kvm>().as_ref() }
    }

    /// Whether the error eventfd is registered. The caller holds `igate`, or the answer may be out
    /// of date.
    #[inline]
    pub fn has_error_eventfd(&self) -> bool {
        // SAFETY: By the type invariant the device is valid; the pointer is read at once, and
        // only compared.
        !unsafe { (&raw const (*self.as_raw()).err_trigger).read_volatile() }.is_null()
    }

    /// Signals the error eventfd, if it is registered.
    #[inline]
    pub fn signal_error(&self) {
        // SAFETY: By the type invariant the PCI device is valid, and its driver data is `self`, in
        // which the function looks for the eventfd. It does not look at the state.
        unsafe {
            bindings::vfio_pci_core_aer_err_detected(
                (*self.as_raw()).pdev,
                bindings::pci_channel_io_frozen,
            )
        };
    }
}
