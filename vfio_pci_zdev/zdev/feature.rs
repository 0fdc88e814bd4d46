// SPDX-License-Identifier: GPL-2.0-only

//! The error feature: one event at a time, as the platform gave it.
//!
//! C header: [`include/uapi/linux/vfio.h`](srctree/include/uapi/linux/vfio.h)

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
        ErrorEvent, //
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
        Request::Probe => Ok(()),
        Request::Get | Request::Set => get(zdev, arg),
    }
}

fn get(zdev: &Device, arg: UserPtr) -> Result {
    let address: u64 = UserSlice::new(arg, SIZE).reader().read()?;

    if address == 0 {
        return Err(EINVAL);
    }
    let function = zdev.recovery().ok_or(ENOMSG)?;
    let delivery = function.take().map_err(|_| ENOMSG)?;
    // CAST: `usize` has 64 bits on this architecture.
    let buffer = UserPtr::from_addr(address as usize);

    UserSlice::new(buffer, ErrorEvent::SIZE)
        .writer()
        .write_slice(delivery.event().bytes())?;
    delivery.arrived();
    Ok(())
}
