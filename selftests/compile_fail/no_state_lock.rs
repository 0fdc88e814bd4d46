// SPDX-License-Identifier: GPL-2.0-only

//! A function's state towards the platform cannot be changed without `state_lock`.

use kernel::zpci;

/// Changes the state without holding the lock.
pub fn no_state_lock(zdev: &zpci::Device) {
    zdev.set_state(zpci::State::Standby); //~ E0599
}
