// SPDX-License-Identifier: GPL-2.0-only

//! The owner of a function: comes, listens, and goes.

use super::{
    region::ErrorRegion,
    reset, //
};
use kernel::{
    prelude::*,
    sync::Arc,
    vfio::pci::{
        CoreDevice,
        Transition, //
    },
    zpci::{
        self,
        trace,
        Device, //
    }, //
};

/// Begins a session. A failure leaves nothing behind.
pub(super) fn open(device: &Transition<'_>) -> Result {
    let zdev = Device::of(device.device().pdev()).ok_or(ENODEV)?;
    let function = zdev.recovery_or_new()?;
    let kvm = device.device().kvm();

    // The function has just been reset. An event from before that is not this owner's, but may
    // still be on its way.
    zpci::settle();
    function.open(kvm.is_some())?;
    device
        .register_region::<ErrorRegion>(Arc::from(function))
        .and_then(|()| match kvm {
            Some(kvm) => zdev
                .register_kvm(kvm)
                .inspect_err(|_| device.unregister_last_region::<ErrorRegion>()),
            None => Ok(()),
        })
        .inspect_err(|_| closed(device))
}

/// Takes the function from its virtual machine, and from an error that the owner has left it in,
/// so that its initial state can be restored. The session goes on until nothing will be done to
/// the function for the owner anymore, so that the host does not recover it at the same time.
pub(super) fn close(device: &Transition<'_>) {
    let Some(zdev) = Device::of(device.device().pdev()) else {
        return;
    };

    device.unregister_last_region::<ErrorRegion>();
    if device.device().kvm().is_some() {
        zdev.unregister_kvm();
    }
    reset::left_behind(device.device());
}

/// Ends a session. A function that is in error then is the host's.
pub(super) fn closed(device: &Transition<'_>) {
    let Some(zdev) = Device::of(device.device().pdev()) else {
        return;
    };
    let Some(function) = zdev.recovery() else {
        return;
    };

    // What follows, vfio's own end of DMA above all, wants a function that works, and that nobody
    // recovers meanwhile: an event that is on its way still belongs to this session.
    reset::left_behind(device.device());
    let Some(leftover) = function.close() else {
        return;
    };

    if leftover.unread > 0 && zpci::may_log() {
        pr_info!(
            "Unhandled PCI error events count={} for PCI function {:#x}\n",
            leftover.unread,
            zdev.fid().as_raw()
        );
    }
    if leftover.unrecovered || zpci::is_in_error(device.device().pdev()) {
        // An event has come after that reset. The host must not be resetting the function while
        // vfio ends DMA, so this is tried once more before it is the host's.
        reset::left_behind(device.device());
        if zpci::is_in_error(device.device().pdev()) {
            zdev.abandon();
        }
    }
}

/// Notes whether the owner listens. What has happened before is signalled at once.
pub(super) fn error_eventfd_changed(device: &CoreDevice) {
    let Some(zdev) = Device::of(device.pdev()) else {
        return;
    };
    let Some(function) = zdev.recovery() else {
        return;
    };

    if function.set_eventfd(device.has_error_eventfd()) {
        device.signal_error();
        trace::signalled(zdev.fid());
    }
}
