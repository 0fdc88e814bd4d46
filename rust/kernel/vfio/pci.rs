// SPDX-License-Identifier: GPL-2.0-only

//! PCI devices that user space drives: what vfio-pci-core is, seen from Rust code that is linked
//! into it.
//!
//! vfio-pci-core may be a module, and this crate never is. So nothing here that calls it exists in
//! this crate's object: all of it is inlined into its callers.
//!
//! C header: [`include/linux/vfio_pci_core.h`](srctree/include/linux/vfio_pci_core.h)

use super::Kvm;
use crate::{
    bindings,
    container_of,
    pci,
    types::Opaque, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

mod region;

pub use region::{
    Region,
    RegionType, //
};

/// A PCI device under vfio-pci.
///
/// Wraps the kernel's C `struct vfio_pci_core_device`.
///
/// # Invariants
///
/// A [`CoreDevice`] is a valid `struct vfio_pci_core_device`, and so is the PCI device it is for.
#[repr(transparent)]
pub struct CoreDevice(Opaque<bindings::vfio_pci_core_device>);

impl CoreDevice {
    /// Makes a reference of a pointer.
    ///
    /// # Safety
    ///
    /// The pointer must be to a device that stays valid for as long as `'a` lasts.
    #[inline]
    pub unsafe fn from_raw<'a>(vdev: *mut bindings::vfio_pci_core_device) -> &'a Self {
        // SAFETY: By the caller's promise; the type is transparent.
        unsafe { &*vdev.cast() }
    }

    /// Makes a reference of a pointer to the `struct vfio_device` of such a device.
    ///
    /// # Safety
    ///
    /// The pointer must be to the `vdev` of a device that stays valid for as long as `'a` lasts.
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
    /// It is there from before the device is opened until after it is closed; the caller is in
    /// between, or is part of either.
    #[inline]
    pub fn kvm(&self) -> Option<Kvm<'_>> {
        // SAFETY: By the type invariant the device is valid.
        let kvm = NonNull::new(unsafe { (*self.as_raw()).vdev.kvm })?;

        // INVARIANT: The device holds a reference, see above.
        Some(Kvm(kvm, PhantomData))
    }

    /// Whether the device could be reset when it was opened.
    #[inline]
    pub fn reset_works(&self) -> bool {
        // SAFETY: By the type invariant the device is valid.
        unsafe { (*self.as_raw()).reset_works() }
    }

    /// Whether the error eventfd is registered, for a caller that holds `igate`, where it cannot
    /// change.
    #[inline]
    pub fn has_error_eventfd(&self) -> bool {
        // SAFETY: By the type invariant the device is valid; the pointer is read at once, and
        // only compared.
        !unsafe { (&raw const (*self.as_raw()).err_trigger).read_volatile() }.is_null()
    }

    /// Signals the error eventfd, if it is registered.
    #[inline]
    pub fn signal_error(&self) {
        // SAFETY: By the type invariant the device is valid. The state is not looked at, and
        // the answer is always the same.
        unsafe {
            bindings::vfio_pci_core_aer_err_detected(
                (*self.as_raw()).pdev,
                bindings::pci_channel_io_frozen,
            )
        };
    }

    /// Keeps user space out of the device's memory: mappings are taken away, and accesses wait.
    /// May sleep.
    #[inline]
    pub fn block_memory(&self) -> MemoryGuard<'_> {
        // SAFETY: By the type invariant the device is valid.
        unsafe { bindings::vfio_pci_zap_and_down_write_memory_lock(self.as_raw()) };
        #[cfg(CONFIG_VFIO_PCI_DMABUF)]
        // SAFETY: By the type invariant the device is valid, and `memory_lock` is held.
        unsafe {
            bindings::vfio_pci_dma_buf_move(self.as_raw(), true)
        };
        // INVARIANT: `memory_lock` has just been taken for writing.
        MemoryGuard(self)
    }
}

/// The memory of a device, out of reach of user space.
///
/// # Invariants
///
/// `memory_lock` is held for writing, by this guard.
#[must_use = "the memory is given back immediately when the guard is unused"]
pub struct MemoryGuard<'a>(&'a CoreDevice);

impl MemoryGuard<'_> {
    /// `PCI_D0`, which is a macro with a cast that bindgen leaves out.
    const D0: bindings::pci_power_t = 0;

    /// Wakes the device up, which it must be to be reset.
    #[inline]
    pub fn power_on(&self) {
        // SAFETY: The device is valid and `memory_lock` is held. Failing leaves the device as it
        // is, and the reset says whether that matters.
        unsafe { bindings::vfio_pci_set_power_state(self.0.as_raw(), Self::D0) };
    }
}

impl Drop for MemoryGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        #[cfg(CONFIG_VFIO_PCI_DMABUF)]
        // SAFETY: The device is valid and `memory_lock` is held. A device that is being opened or
        // closed has no config space of its own to say whether its memory is enabled.
        if unsafe {
            !(*self.0.as_raw()).vconfig.is_null()
                && bindings::__vfio_pci_memory_enabled(self.0.as_raw())
        } {
            // SAFETY: As above.
            unsafe { bindings::vfio_pci_dma_buf_move(self.0.as_raw(), false) };
        }
        // SAFETY: By the type invariant the lock is held for writing, by this guard.
        unsafe { bindings::up_write(&raw mut (*self.0.as_raw()).memory_lock) };
    }
}

/// A device that is being opened or closed, so that nobody uses it yet or anymore.
///
/// # Invariants
///
/// Nobody else accesses the device's regions.
pub struct Transition<'a>(&'a CoreDevice);

impl<'a> Transition<'a> {
    /// Makes a reference of a pointer.
    ///
    /// # Safety
    ///
    /// The pointer must be to a device that stays valid for as long as `'a` lasts, and that is
    /// being opened or closed, under the lock of its device set, for all that time.
    #[inline]
    pub unsafe fn from_raw(vdev: *mut bindings::vfio_pci_core_device) -> Self {
        // INVARIANT: By the caller's promise.
        // SAFETY: By the caller's promise.
        Self(unsafe { CoreDevice::from_raw(vdev) })
    }

    /// Returns the device.
    #[inline]
    pub fn device(&self) -> &'a CoreDevice {
        self.0
    }
}
