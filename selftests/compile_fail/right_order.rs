// SPDX-License-Identifier: GPL-2.0-only

//! The right order: `state_lock`, then the lock of the device.

use kernel::zpci::{
    self,
    DeviceLocking, //
};

/// Both locks, one in the other; the lock of the device may outlast the other one.
pub fn right_order(zdev: &zpci::Device) {
    let Some(state) = zdev.try_lock_state() else {
        return;
    };
    let DeviceLocking::Locked(device) = state.lock_device() else {
        return;
    };
    let device = device.into_device();

    drop(state);
    drop(device);
}
