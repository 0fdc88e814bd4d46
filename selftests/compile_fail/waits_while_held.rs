// SPDX-License-Identifier: GPL-2.0-only

//! The lock of the device cannot be waited for while `state_lock` is held.

use kernel::{
    pci,
    zpci, //
};

/// Goes on as if it still had `state_lock`.
pub fn waits_while_held(zdev: &zpci::Device, pdev: &pci::Device) {
    let state = zdev.lock_state();

    state.wait_for_device(pdev);
    let _ = state.query_fh(); //~ E0382
}
