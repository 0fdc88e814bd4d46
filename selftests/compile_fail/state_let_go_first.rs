// SPDX-License-Identifier: GPL-2.0-only

//! `state_lock` cannot be let go while a guard says that both locks are held.

use kernel::zpci;

/// The wrong order of letting go.
pub fn state_let_go_first(zdev: &zpci::Device) {
    let Some(state) = zdev.try_lock_state() else {
        return;
    };
    let device = state.lock_device();

    drop(state); //~ E0505
    drop(device);
}
