// SPDX-License-Identifier: GPL-2.0-only

//! A method that needs `state_lock` cannot be called after the lock was released.

use kernel::zpci::{
    self,
    Locks, //
};

/// Asks the platform after `state_lock` was released; only the lock of the device is held.
pub fn state_let_go_first(zdev: &zpci::Device) {
    let Some(Locks::Both(both)) = zdev.try_lock() else {
        return;
    };
    let state = both.state();
    let device = both.into_device(); //~ E0505

    let _ = state.query_fh();
    drop(device);
}
