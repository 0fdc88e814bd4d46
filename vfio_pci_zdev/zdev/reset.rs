// SPDX-License-Identifier: GPL-2.0-only

//! Resets of a function for vfio: on `VFIO_DEVICE_RESET`, and before a function is opened.

use kernel::{
    prelude::*,
    vfio::pci::CoreDevice,
    zpci::{
        self,
        patiently,
        Device,
        Recovery,
        Restore, //
    }, //
};

/// Repeats `attempt` for a second at most, as [`patiently`] does. Gives up if the caller is being
/// killed. Makes no attempt while an error event of the function is queued: otherwise a reset could
/// overtake the event of the error that the reset is to end, and the event would be taken for a new
/// error.
pub(super) fn between_events<R>(
    recovery: &Recovery,
    mut attempt: impl FnMut() -> Option<Result<R>>,
) -> Result<R> {
    patiently(|| {
        if zpci::fatal_signal_pending() {
            return Some(Err(EINTR));
        }
        if recovery.unprocessed() != 0 {
            return None;
        }
        attempt()
    })
}

/// Resets a function that is in error, before vfio opens the function: vfio saves config space as
/// the initial state at opening, and config space of a function in error reads as all ones.
pub(super) fn before_open(device: &CoreDevice) -> Result {
    let zdev = Device::of(device.pdev());
    let recovery = zdev.recovery();

    if recovery.unprocessed() == 0 && !zpci::is_in_error(device.pdev()) {
        return Ok(());
    }
    // Wait until the channel report thread has submitted the event of the error: after the reset
    // this event would look like a new error. The usual case, a function without an error, has
    // returned above and is spared this wait, which costs two context switches.
    zpci::wait_for_channel_reports()?;
    between_events(recovery, || {
        Some(zdev.try_lock_both()?.and_then(|device| {
            if zpci::is_in_error(device.pdev()) {
                device.reset(Restore::LastSaved)?;
            }
            Ok(())
        }))
    })
}

/// `VFIO_DEVICE_RESET`: resets the function through the platform if it is in error or the PCI core
/// has no reset for it, and otherwise by the PCI core. During the reset vfio blocks user space's
/// access to the device's memory: an access would cause another error.
///
/// # Errors
///
/// [`EINTR`] if the caller is being killed, [`EAGAIN`] if the device lock or `state_lock` stays
/// taken for a second, [`ENODEV`] if the function is not configured, or an error of the platform or
/// the PCI core.
pub(super) fn on_demand(device: &CoreDevice) -> Result {
    let zdev = Device::of(device.pdev());
    let recovery = zdev.recovery();
    let mut no_other_way = false;

    // Wait until the channel report thread has submitted the event of the error: an owner that
    // polls the device may notice the error earlier, and after the reset the event would look like
    // a new error.
    if zpci::is_in_error(device.pdev()) {
        zpci::wait_for_channel_reports()?;
    }
    between_events(recovery, || {
        let locked = match zdev.try_lock_both()? {
            Ok(locked) => locked,
            Err(error) => return Some(Err(error)),
        };
        let last = recovery.last_sequence();
        let result = if no_other_way || zpci::is_in_error(device.pdev()) {
            locked.reset(Restore::Current)
        } else {
            drop(locked);
            match zpci::try_reset_function(device.pdev()) {
                Err(error) if error == EAGAIN => return None,
                Err(error) if error == ENOTTY => {
                    no_other_way = true;
                    return None;
                }
                result => result,
            }
        };

        Some(result.inspect(|()| recovery.note_owner_reset(last)))
    })
}
