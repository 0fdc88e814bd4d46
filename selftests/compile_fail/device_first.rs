// SPDX-License-Identifier: GPL-2.0-only

//! The lock of the device cannot be taken before `state_lock`: only `Device::try_lock` makes its
//! guard.

use kernel::{
    pci,
    zpci, //
};

/// Takes the locks in the wrong order.
pub fn device_first(zdev: &zpci::Device, pdev: &pci::Device) {
    let device = zpci::DeviceGuard::try_lock(pdev); //~ E0599
    let Some(state) = zdev.try_lock_state() else {
        return;
    };

    drop(state);
    drop(device);
}
