// SPDX-License-Identifier: GPL-2.0-only

//! The error feature: one event at a time, as the platform gave it.
//!
//! C header: [`include/uapi/linux/vfio.h`](srctree/include/uapi/linux/vfio.h)

use super::owner;
use kernel::{
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    },
    vfio::{
        feature::{
            Operations,
            Request, //
        },
        pci::CoreDevice, //
    },
    zpci::{
        Device,
        Form, //
    }, //
};

/// Length of the feature's data: the address of a buffer for one event.
const SIZE: usize = size_of::<u64>();

/// Answers a call of the feature.
pub(super) fn call(device: &CoreDevice, flags: u32, arg: UserPtr, argsz: usize) -> Result {
    let zdev = Device::of(device.pdev()).ok_or(ENODEV)?;
    let offer = Operations {
        get: true,
        set: false,
    };

    match Request::new(flags, argsz, offer, SIZE)? {
        Request::Probe => {
            owner::asks_for_events(device);
            Ok(())
        }
        Request::Get | Request::Set => get(zdev, arg),
    }
}

fn get(zdev: &Device, arg: UserPtr) -> Result {
    let address: u64 = UserSlice::new(arg, SIZE).reader().read()?;

    if address == 0 {
        return Err(EINVAL);
    }
    // CAST: `usize` has 64 bits on this architecture.
    let buffer = UserPtr::from_addr(address as usize);

    match zdev.recovery()?.take(buffer, Form::Ccdf)? {
        None => Ok(()),
        Some(_nothing) => Err(ENOMSG),
    }
}
