// SPDX-License-Identifier: GPL-2.0-only

//! The owner of a function: comes, listens, and goes.

use super::{
    region::ErrorRegion,
    reset, //
};
use kernel::{
    prelude::*,
    vfio::pci::{
        CoreDevice,
        Transition, //
    },
    zpci::{
        self,
        patiently,
        trace,
        Device,
        Event,
        Locks,
        Recovery, //
    }, //
};

/// Begins a session. A failure leaves nothing behind.
pub(super) fn open(device: &Transition<'_>) -> Result {
    let zdev = Device::of(device.device().pdev()).ok_or(ENODEV)?;
    let recovery = zdev.recovery()?;
    let kvm = device.device().kvm();

    // The function has just been reset. An event from before that is not this owner's, but may
    // still be on its way.
    zpci::wait_for_channel_reports()?;
    reset::between_events(recovery, || match zdev.try_lock() {
        Locks::Both(locked) => Some(
            locked
                .begin_session(kvm.is_some())
                .and_then(|()| kvm.map_or(Ok(()), |kvm| locked.state().register_kvm(kvm))),
        ),
        Locks::State(_) => Some(Err(ENODEV)),
        Locks::Busy => None,
    })
    .inspect_err(|_| closed(device))?;
    device
        .register_region::<ErrorRegion>(zdev.into())
        .inspect_err(|_| {
            leave_machine(device, zdev);
            closed(device);
        })
}

fn leave_machine(device: &Transition<'_>, zdev: &Device) {
    if device.device().kvm().is_some() {
        let state = patiently(|| zdev.try_lock_state().map(Ok)).ok();

        zdev.unregister_kvm(state.as_ref());
    }
}

/// Takes the function from its virtual machine. The session goes on until nothing will be done to
/// the function for the owner any more, so that the host does not recover it at the same time.
pub(super) fn close(device: &Transition<'_>) {
    device.unregister_last_region::<ErrorRegion>();
    if let Some(zdev) = Device::of(device.device().pdev()) {
        leave_machine(device, zdev);
    }
}

/// Ends a session. A function that is in error then is the host's.
pub(super) fn closed(device: &Transition<'_>) {
    let pdev = device.device().pdev();
    let Some(zdev) = Device::of(pdev) else { return };
    let Ok(recovery) = zdev.recovery() else {
        return;
    };
    let unread = recovery.close();

    if unread > 0 && zdev.may_log() {
        pr_info!(
            "Unhandled PCI error events count={} for PCI function {:#x}\n",
            unread,
            zdev.fid().as_raw()
        );
    }
    if zpci::is_in_error(pdev) {
        // Without room for one more event the next owner resets the function.
        let _ = zdev.submit(Event::Abandoned);
    }
}

/// Notes that the owner asks for events. What has happened before is signalled at once.
pub(super) fn asks_for_events(device: &CoreDevice) {
    signal_if(device, Recovery::listen);
}

/// Notes whether the error eventfd is registered. What has happened before is signalled at once.
pub(super) fn error_eventfd_changed(device: &CoreDevice) {
    signal_if(device, |recovery| {
        recovery.set_eventfd(device.has_error_eventfd())
    });
}

/// Signals the error eventfd if a change of the session asks for that.
fn signal_if(device: &CoreDevice, change: impl FnOnce(&Recovery) -> bool) {
    let Some(zdev) = Device::of(device.pdev()) else {
        return;
    };

    if zdev.recovery().is_ok_and(change) {
        device.signal_error();
        trace::signalled(zdev.fid());
    }
}
