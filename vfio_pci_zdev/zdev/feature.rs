// SPDX-License-Identifier: GPL-2.0-only

//! The vfio feature `VFIO_DEVICE_FEATURE_ZPCI_ERROR`: a GET takes the oldest unread event, as the
//! 32 bytes that the platform gave.
//!
//! C header: [`include/uapi/linux/vfio.h`](srctree/include/uapi/linux/vfio.h)

use super::owner;
use kernel::{
    bindings,
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    },
    vfio::pci::CoreDevice,
    zpci::{
        Device,
        Form,
        Recovery, //
    }, //
};

/// The length of the feature's data, which is the address of the caller's buffer for one event.
const SIZE: usize = size_of::<u64>();

/// Answers a call of the feature. Checks the arguments in the order of `vfio_check_feature()`, so
/// that a wrong call fails with the same error as in the C version.
pub(super) fn call(device: &CoreDevice, flags: u32, arg: UserPtr, argsz: usize) -> Result {
    let zdev = Device::of(device.pdev());

    if flags & bindings::VFIO_DEVICE_FEATURE_SET != 0 {
        return Err(EINVAL);
    }
    if flags & bindings::VFIO_DEVICE_FEATURE_PROBE != 0 {
        owner::signal_if(device, Recovery::listen);
        return Ok(());
    }
    if flags & bindings::VFIO_DEVICE_FEATURE_GET == 0 || argsz < SIZE {
        return Err(EINVAL);
    }
    let address: u64 = UserSlice::new(arg, SIZE).reader().read()?;

    if address == 0 {
        return Err(EINVAL);
    }
    // CAST: `usize` has 64 bits on this architecture.
    let buffer = UserPtr::from_addr(address as usize);

    match zdev.recovery().take(buffer, Form::Ccdf)? {
        None => Ok(()),
        Some(_dropped) => Err(ENOMSG),
    }
}
