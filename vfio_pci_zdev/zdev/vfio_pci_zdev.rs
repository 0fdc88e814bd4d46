// SPDX-License-Identifier: GPL-2.0-only

//! The s390 part of vfio-pci-core: lets the owner of a zPCI function, the program that has opened
//! it, recover the function from errors.
//!
//! vfio-pci-core calls the functions in this file. An owner's session lasts from
//! `vfio_pci_zdev_open_device()` to `vfio_pci_zdev_end_session()`. The eventfd tells the owner of
//! an event, and the owner reads the event by the region or the feature and resets the function.
//!
//! The C version is in [`vfio_pci_zdev.c`](srctree/drivers/vfio/pci/vfio_pci_zdev.c), with the
//! capabilities, which both versions share.

use kernel::{
    bindings,
    error::from_result,
    prelude::*,
    uaccess::UserPtr,
    vfio::pci::CoreDevice,
    zpci::Device, //
};

#[forbid(unsafe_code)]
mod feature;
#[forbid(unsafe_code)]
mod owner;
#[forbid(unsafe_code)]
mod region;
#[forbid(unsafe_code)]
mod reset;

const __LOG_PREFIX: &[u8] = b"zpci\0";

/// Begins a session while the device is being opened, and adds the error region.
///
/// # Safety
///
/// `vdev` must be a valid device that is being opened.
#[export]
unsafe extern "C" fn vfio_pci_zdev_open_device(vdev: *mut bindings::vfio_pci_core_device) -> c_int {
    // SAFETY: By the caller's promise.
    let device = unsafe { CoreDevice::from_raw(vdev) };

    from_result(|| {
        let zdev = owner::open(device)?;

        // SAFETY: By the caller's promise.
        unsafe { device.register_region::<region::ErrorRegion>(zdev.into()) }.inspect_err(
            |_| {
                owner::unregister_kvm(device);
                owner::end_session(device);
            },
        )?;
        Ok(0)
    })
}

/// Unregisters a function from KVM, while the device is being closed, or if opening it has failed.
///
/// # Safety
///
/// `vdev` must be a valid device that is being opened or closed.
#[export]
unsafe extern "C" fn vfio_pci_zdev_close_device(vdev: *mut bindings::vfio_pci_core_device) {
    // SAFETY: By the caller's promise.
    owner::unregister_kvm(unsafe { CoreDevice::from_raw(vdev) });
}

/// Ends a session, as the last step of closing the device, or if opening it has failed.
///
/// # Safety
///
/// `vdev` must be a valid device that is being opened or closed.
#[export]
unsafe extern "C" fn vfio_pci_zdev_end_session(vdev: *mut bindings::vfio_pci_core_device) {
    // SAFETY: By the caller's promise.
    owner::end_session(unsafe { CoreDevice::from_raw(vdev) });
}

/// Notes that the owner has registered or deregistered the error eventfd. Signals a new eventfd at
/// once if events are unread.
///
/// # Safety
///
/// `vdev` must be a valid device that is open. The caller must hold the device's `igate`.
#[export]
unsafe extern "C" fn vfio_pci_zdev_err_trigger(vdev: *mut bindings::vfio_pci_core_device) {
    // SAFETY: By the caller's promise.
    let device = unsafe { CoreDevice::from_raw(vdev) };

    owner::signal_if(device, |recovery| {
        recovery.set_eventfd(device.has_error_eventfd())
    });
}

/// Answers `VFIO_DEVICE_FEATURE_ZPCI_ERROR`. Returns 0 or an error code.
///
/// # Safety
///
/// `device` must be the `struct vfio_device` of a valid vfio-pci device.
#[export]
unsafe extern "C" fn vfio_pci_zdev_feature_err(
    device: *mut bindings::vfio_device,
    flags: u32,
    arg: *mut c_void,
    argsz: usize,
) -> c_int {
    // SAFETY: By the caller's promise.
    let device = unsafe { CoreDevice::from_vfio(device) };

    from_result(|| feature::call(device, flags, UserPtr::from_ptr(arg), argsz).map(|()| 0))
}

/// Resets a function that is in error, before its device is opened. Returns 0 or an error code.
///
/// # Safety
///
/// `vdev` must be a valid device that is being opened.
#[export]
unsafe extern "C" fn vfio_pci_zdev_before_open(vdev: *mut bindings::vfio_pci_core_device) -> c_int {
    // SAFETY: By the caller's promise.
    let device = unsafe { CoreDevice::from_raw(vdev) };

    from_result(|| reset::before_open(device).map(|()| 0))
}

/// Saves config space as the initial state of a function that is being opened. Fails if the
/// function is in error: vfio would restore all ones when the function is closed.
///
/// # Safety
///
/// `vdev` must be a valid device that is being opened.
#[export]
unsafe extern "C" fn vfio_pci_zdev_save(vdev: *mut bindings::vfio_pci_core_device) -> c_int {
    // SAFETY: By the caller's promise.
    let device = unsafe { CoreDevice::from_raw(vdev) };

    from_result(|| Device::of(device.pdev()).save_config_space().map(|()| 0))
}

/// Resets a function, for `VFIO_DEVICE_RESET`. Returns 0 or an error code.
///
/// # Safety
///
/// `vdev` must be a valid device that is open. The caller must hold the device's `memory_lock` for
/// writing.
#[export]
unsafe extern "C" fn vfio_pci_zdev_reset(vdev: *mut bindings::vfio_pci_core_device) -> c_int {
    // SAFETY: By the caller's promise.
    let device = unsafe { CoreDevice::from_raw(vdev) };

    from_result(|| reset::on_demand(device).map(|()| 0))
}
