// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::bindings`: what C has of all this.

/// The queue is found without it.
pub(crate) fn zpci_workqueue() -> *mut () {
    std::ptr::null_mut()
}

// As in `vfio_zdev_error.h`.
pub(crate) const VFIO_ZPCI_ERROR_REGION_VENDOR: u32 = 0x1014;
pub(crate) const VFIO_REGION_SUBTYPE_IBM_ZPCI_ERROR_REGION: u32 = 2;
pub(crate) const VFIO_ZPCI_ERROR_REGION_STATUS: u32 = 4096;
