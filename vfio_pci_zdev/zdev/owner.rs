// SPDX-License-Identifier: GPL-2.0-only

//! The owner's session: the time from the opening of a function to its closing.

use super::reset;
use kernel::{
    prelude::*,
    vfio::pci::CoreDevice,
    zpci::{
        self,
        patiently,
        trace,
        Device,
        Event,
        Recovery, //
    }, //
};

/// Begins a session for the owner that opens the function. If `open` fails, no session is left.
pub(super) fn open(device: &CoreDevice) -> Result<&Device> {
    let zdev = Device::of(device.pdev());
    let recovery = zdev.recovery();
    let kvm = device.kvm();

    // Wait until the channel report thread has submitted all events: an event from before vfio's
    // reset of the function would otherwise come into the new session.
    zpci::wait_for_channel_reports()?;
    reset::between_events(recovery, || {
        Some(zdev.try_lock_both()?.and_then(|locked| {
            locked.begin_session(kvm.is_some())?;
            kvm.map_or(Ok(()), |kvm| locked.state().register_kvm(kvm))
        }))
    })
    .inspect_err(|_| end_session(device))?;
    Ok(zdev)
}

/// Unregisters the function from KVM, when vfio begins to close the function.
///
/// The session goes on until [`end_session`], when vfio has closed the function. In between vfio
/// resets the function, and the session keeps the host from resetting the function at the same
/// time.
pub(super) fn unregister_kvm(device: &CoreDevice) {
    let zdev = Device::of(device.pdev());

    if device.kvm().is_some() {
        let state = patiently(|| zdev.try_lock_state().map(Ok)).ok();

        zdev.unregister_kvm(state.as_ref());
    }
}

/// Ends the session. If the function is in error, asks the host to recover the function.
pub(super) fn end_session(device: &CoreDevice) {
    let pdev = device.pdev();
    let zdev = Device::of(pdev);
    let unread = zdev.recovery().close();

    if unread > 0 && zpci::ratelimit(Some(zdev)) {
        pr_info!(
            "Unhandled PCI error events count={} for PCI function {:#x}\n",
            unread,
            zdev.fid().as_raw()
        );
    }
    if zpci::is_in_error(pdev) {
        // Ignore a full queue: the next owner's open resets the function.
        let _ = zdev.submit(Event::Abandoned);
    }
}

/// Applies `change` to the session. If `change` returns `true`, there are unread events of which
/// the owner has not been signalled: signals the error eventfd.
pub(super) fn signal_if(device: &CoreDevice, change: impl FnOnce(&Recovery) -> bool) {
    let zdev = Device::of(device.pdev());

    if change(zdev.recovery()) {
        device.signal_error();
        trace::signalled(zdev.fid());
    }
}
