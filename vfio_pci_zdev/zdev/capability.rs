// SPDX-License-Identifier: GPL-2.0-only

//! What is to be known of a function, in the capabilities of `VFIO_DEVICE_GET_INFO`.
//!
//! C header: [`include/uapi/linux/vfio_zdev.h`](srctree/include/uapi/linux/vfio_zdev.h)

use kernel::{
    prelude::*,
    vfio::{
        info::CapabilityChain,
        pci::CoreDevice, //
    },
    zpci::Device, //
};

/// Adds all capabilities.
pub(super) fn add_all(device: &CoreDevice, caps: &mut CapabilityChain) -> Result {
    let zdev = Device::of(device.pdev()).ok_or(ENODEV)?;

    caps.add(|cap| zdev.base_capability(cap))?;
    caps.add(|cap| zdev.group_capability(cap))?;
    if let Some(text) = zdev.utility_string() {
        caps.add_bytes(Device::UTILITY_STRING_CAPABILITY, 1, &text)?;
    }
    caps.add_bytes(Device::FUNCTION_PATH_CAPABILITY, 1, &zdev.function_path())
}
