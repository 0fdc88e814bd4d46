// SPDX-License-Identifier: GPL-2.0-only

//! vfio-pci-core, as seen from Rust code that is linked into vfio-pci-core: devices
//! ([`CoreDevice`]), and regions that Rust code adds to the devices ([`Region`]).
//!
//! Each function here that calls vfio-pci-core is `#[inline]`: vfio-pci-core may be a module, and
//! the kernel crate is built-in and cannot be linked with the functions of a module.
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

/// A PCI device that is bound to vfio-pci, or to another driver on top of vfio-pci-core.
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
    /// Turns a pointer to a `struct vfio_pci_core_device` into a reference.
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid device that stays registered for as long as `'a` lasts.
    #[inline]
    pub unsafe fn from_raw<'a>(vdev: *mut bindings::vfio_pci_core_device) -> &'a Self {
        // SAFETY: By the caller's promise the device is valid during `'a`. The type is transparent.
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
        // SAFETY: By the caller's promise `device` is the field `vdev` of a `struct
        // vfio_pci_core_device`.
        let vdev = unsafe { container_of!(device, bindings::vfio_pci_core_device, vdev) };

        // SAFETY: By the caller's promise the device stays registered for as long as `'a` lasts.
        unsafe { Self::from_raw(vdev) }
    }

    #[inline]
    fn as_raw(&self) -> *mut bindings::vfio_pci_core_device {
        self.0.get()
    }

    /// Returns the PCI device of this vfio device.
    #[inline]
    pub fn pdev(&self) -> &pci::Device {
        // SAFETY: By the type invariant the PCI device is valid, for as long as `self` is.
        // CAST: `pci::Device` is a transparent wrapper of `struct pci_dev`.
        unsafe { &*(*self.as_raw()).pdev.cast() }
    }

    /// Returns the virtual machine that the device belongs to, if there is one.
    ///
    /// vfio sets the virtual machine before it opens the device, and clears the virtual machine
    /// after it has closed the device. `kvm` may be called from the opening to the closing, and not
    /// before or after.
    #[inline]
    pub fn kvm(&self) -> Option<&Kvm> {
        // SAFETY: By the type invariant the device is valid, and while the device is open vfio
        // holds a reference to the virtual machine. CAST: `Kvm` is a transparent wrapper of `struct
        // kvm`.
        unsafe { (*self.as_raw()).vdev.kvm.cast::<Kvm>().as_ref() }
    }

    /// Whether the error eventfd is registered. The answer may be out of date unless the caller
    /// holds `igate`, vfio's lock of the eventfds.
    #[inline]
    pub fn has_error_eventfd(&self) -> bool {
        // SAFETY: By the type invariant the device is valid. The pointer to the eventfd is read in
        // one access, and only compared with null.
        !unsafe { (&raw const (*self.as_raw()).err_trigger).read_volatile() }.is_null()
    }

    /// Signals the error eventfd, if the owner has registered it.
    #[inline]
    pub fn signal_error(&self) {
        // SAFETY: By the type invariant the PCI device is valid, and its driver data is `self`,
        // where the callee finds the eventfd. The callee ignores its argument, the channel state.
        unsafe {
            bindings::vfio_pci_core_aer_err_detected(
                (*self.as_raw()).pdev,
                bindings::pci_channel_io_frozen,
            )
        };
    }
}
