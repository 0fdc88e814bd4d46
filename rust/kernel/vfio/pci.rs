// SPDX-License-Identifier: GPL-2.0-only

//! vfio-pci-core, seen from Rust code that is linked into it: devices ([`CoreDevice`]), and regions
//! that are added to them ([`Region`]).
//!
//! Each function here that calls vfio-pci-core is `#[inline]`: vfio-pci-core may be a module, and
//! the built-in kernel crate could not be linked with calls of a module.
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
/// A [`CoreDevice`] is a valid and registered `struct vfio_pci_core_device`. Its PCI device is
/// valid, and the PCI device's driver data points to the [`CoreDevice`].
#[repr(transparent)]
pub struct CoreDevice(Opaque<bindings::vfio_pci_core_device>);

impl CoreDevice {
    /// Turns a pointer into a reference.
    ///
    /// # Safety
    ///
    /// The pointer must be to a device that stays registered for as long as `'a` lasts.
    #[inline]
    pub unsafe fn from_raw<'a>(vdev: *mut bindings::vfio_pci_core_device) -> &'a Self {
        // SAFETY: By the caller's promise; the type is transparent.
        unsafe { &*vdev.cast() }
    }

    /// Turns a pointer to the `struct vfio_device` inside a `struct vfio_pci_core_device` into a
    /// reference to the latter.
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
    /// vfio sets the virtual machine before opening the device and clears it after closing. This
    /// may be called during and between those two, not before or after.
    #[inline]
    pub fn kvm(&self) -> Option<&Kvm> {
        // SAFETY: By the type invariant the device is valid, and it holds a reference to the
        // machine. CAST: `Kvm` is a transparent wrapper of `struct kvm`.
        unsafe { (*self.as_raw()).vdev.kvm.cast::<Kvm>().as_ref() }
    }

    /// Whether the error eventfd is registered. A caller without `igate` gets an answer that may be
    /// out of date.
    #[inline]
    pub fn has_error_eventfd(&self) -> bool {
        // SAFETY: By the type invariant the device is valid; the pointer is read at once, and
        // only compared.
        !unsafe { (&raw const (*self.as_raw()).err_trigger).read_volatile() }.is_null()
    }

    /// Signals the error eventfd, if it is registered.
    #[inline]
    pub fn signal_error(&self) {
        // SAFETY: By the type invariant the PCI device is valid, and its driver data is `self`,
        // where the C function finds the eventfd. The C function ignores the channel state.
        unsafe {
            bindings::vfio_pci_core_aer_err_detected(
                (*self.as_raw()).pdev,
                bindings::pci_channel_io_frozen,
            )
        };
    }
}
