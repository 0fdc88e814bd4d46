// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `vfio_pci_zdev/zdev/vfio_pci_zdev.rs`: the entries for system calls.

use kernel::{
    prelude::*,
    uaccess::{
        Buffer,
        Memory, //
    },
    vfio::pci::{
        CoreDevice,
        Region, //
    },
    zpci::{
        reset_closed,
        Device,
        Record,
        Recovery, //
    }, //
};

#[path = "../../../vfio_pci_zdev/zdev/owner.rs"]
mod owner;
#[path = "../../../vfio_pci_zdev/zdev/region.rs"]
mod region;
#[path = "../../../vfio_pci_zdev/zdev/reset.rs"]
mod reset;

fn function(device: &CoreDevice) -> &Device {
    device.pdev().zdev()
}

/// Opens the device.
pub(crate) fn open(device: &CoreDevice) -> Result {
    function(device).set_open(true);
    reset::before_open(device)
        .and_then(|()| function(device).save_config_space())
        .and_then(|()| owner::open(device).map(drop))
        .inspect_err(|_| function(device).set_open(false))
}

/// Closes the device.
pub(crate) fn close(device: &CoreDevice) {
    owner::unregister_kvm(device);
    reset_closed(function(device));
    function(device).set_eventfd(false);
    owner::end_session(device);
    function(device).set_open(false);
}

/// `VFIO_DEVICE_SET_IRQS` with the error eventfd, or without one.
pub(crate) fn set_eventfd(device: &CoreDevice, registered: bool) {
    function(device).set_eventfd(registered);
    owner::signal_if(device, |recovery| {
        recovery.set_eventfd(device.has_error_eventfd())
    });
}

/// Probes for `VFIO_DEVICE_FEATURE_ZPCI_ERROR`.
pub(crate) fn probe(device: &CoreDevice) {
    owner::signal_if(device, Recovery::listen);
}

/// `VFIO_DEVICE_RESET`.
pub(crate) fn reset(device: &CoreDevice) -> Result {
    reset::on_demand(device)
}

/// Reads the error region from there on into such memory.
pub(crate) fn read(zdev: &Device, at: usize, memory: Memory) -> Result<[u8; Record::SIZE]> {
    let buffer = Buffer::new(memory);

    region::ErrorRegion::read(zdev, at, buffer.address(), Record::SIZE - at)?;
    Ok(buffer.bytes())
}
