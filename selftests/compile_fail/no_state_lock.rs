// SPDX-License-Identifier: GPL-2.0-only

//! What changes a function towards the platform needs `state_lock`.

use kernel::zpci;

/// Changes the state without the lock.
pub fn no_state_lock(zdev: &zpci::Device) {
    zdev.set_state(zpci::State::Standby); //~ E0599
}
