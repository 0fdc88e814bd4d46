// SPDX-License-Identifier: GPL-2.0-only

//! The right order: `state_lock`, then the lock of the device.

use kernel::zpci::{
    self,
    Locks, //
};

/// Both locks at once; the lock of the device may outlast the other one.
pub fn right_order(zdev: &zpci::Device) {
    let Locks::Both(both) = zdev.try_lock() else {
        return;
    };
    let device = both.into_device();

    drop(device);
}
