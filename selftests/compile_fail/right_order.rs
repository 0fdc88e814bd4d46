// SPDX-License-Identifier: GPL-2.0-only

//! Code that takes `state_lock` first, and then the lock of the device, compiles.

use kernel::zpci::{
    self,
    Locks, //
};

/// Takes both locks, and releases `state_lock` first.
pub fn right_order(zdev: &zpci::Device) {
    let Some(Locks::Both(both)) = zdev.try_lock() else {
        return;
    };
    let device = both.into_device();

    drop(device);
}
