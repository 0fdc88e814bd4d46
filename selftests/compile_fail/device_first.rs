// SPDX-License-Identifier: GPL-2.0-only

//! The lock of the device cannot be taken first: nothing else makes its guard.

use kernel::{
    pci,
    zpci, //
};

/// The wrong order.
pub fn device_first(zdev: &zpci::Device, pdev: &pci::Device) {
    let device = zpci::DeviceGuard::try_lock(pdev); //~ E0599
    let Some(state) = zdev.try_lock_state() else {
        return;
    };

    drop(state);
    drop(device);
}
