// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `vfio_pci_zdev/zdev/vfio_pci_zdev.rs`: what user space does to a function comes
//! here.

use kernel::{
    prelude::*,
    uaccess::UserSliceWriter,
    vfio::pci::{
        CoreDevice,
        Region,
        Transition, //
    },
    zpci::{
        Device,
        Record, //
    }, //
};

#[path = "../../../vfio_pci_zdev/zdev/owner.rs"]
mod owner;
#[path = "../../../vfio_pci_zdev/zdev/region.rs"]
mod region;
#[path = "../../../vfio_pci_zdev/zdev/reset.rs"]
mod reset;

/// Opens the device.
pub(crate) fn open(device: &CoreDevice) -> Result {
    reset::before_open(device)?;
    owner::open(&Transition(device))
}

/// Closes it.
pub(crate) fn close(device: &CoreDevice) {
    let transition = Transition(device);

    owner::close(&transition);
    device.pdev().zdev.set_eventfd(false);
    owner::closed(&transition);
}

/// `VFIO_DEVICE_SET_IRQS` with the error eventfd, or without one.
pub(crate) fn set_eventfd(device: &CoreDevice, registered: bool) {
    device.pdev().zdev.set_eventfd(registered);
    owner::error_eventfd_changed(device);
}

/// `VFIO_DEVICE_RESET`.
pub(crate) fn reset(device: &CoreDevice) -> Result {
    match reset::on_demand(device) {
        // The generic code finds a function that works.
        Err(ENOTTY) => Ok(()),
        result => result,
    }
}

/// Reads the error region into memory that is there or is not.
pub(crate) fn read(zdev: &Device, there: bool) -> Result<[u8; Record::SIZE]> {
    let mut writer = UserSliceWriter::new(there);
    let function = zdev.recovery().ok_or(ENODEV)?;

    region::ErrorRegion::read(function, 0, &mut writer)?;
    Ok(writer.into_bytes())
}
