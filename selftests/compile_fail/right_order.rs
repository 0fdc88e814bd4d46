// SPDX-License-Identifier: GPL-2.0-only

//! The right order: `state_lock`, then the lock of the device.

use kernel::{
    pci,
    zpci, //
};

/// Both locks, one in the other.
pub fn right_order(zdev: &zpci::Device, pdev: &pci::Device) {
    let state = zdev.lock_state();
    let Some(device) = state.try_lock_device(pdev) else {
        return state.wait_for_device(pdev);
    };

    drop(device);
    drop(state);
}
