// SPDX-License-Identifier: GPL-2.0-only

//! `state_lock` cannot be let go while the lock of the device is held.

use kernel::{
    pci,
    zpci, //
};

/// The wrong order of letting go.
pub fn state_let_go_first(zdev: &zpci::Device, pdev: &pci::Device) {
    let state = zdev.lock_state();
    let device = state.try_lock_device(pdev);

    drop(state); //~ E0505
    drop(device);
}
