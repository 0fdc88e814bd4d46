// SPDX-License-Identifier: GPL-2.0-only

//! The resets that vfio asks for: on `VFIO_DEVICE_RESET`, and before a function is opened.

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

/// Runs `attempt` as [`patiently`] does, until the caller is being killed, but not while an event
/// of the function waits to be processed. Otherwise a reset could overtake the event that it is
/// for, which would then be taken for a new error.
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

/// Resets a function that is in error, before vfio opens it: vfio saves config space as the initial
/// state then, and that of a function in error is all ones.
pub(super) fn before_open(device: &CoreDevice) -> Result {
    let zdev = Device::of(device.pdev());
    let recovery = zdev.recovery();

    if recovery.unprocessed() == 0 && !zpci::is_in_error(device.pdev()) {
        return Ok(());
    }
    // The event of the error may not have been submitted yet, and would look like a new error after
    // the reset. Only a function in error waits, because waiting costs two context switches.
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
/// has no reset for it, and otherwise by the PCI core. vfio keeps user space from the device's
/// memory: an access during the reset would cause another error.
///
/// # Errors
///
/// [`EINTR`] if the caller is being killed, [`EAGAIN`] if the function's locks are not free
/// within a second, [`ENODEV`] if it is not configured, or those of the platform and the PCI core.
pub(super) fn on_demand(device: &CoreDevice) -> Result {
    let zdev = Device::of(device.pdev());
    let recovery = zdev.recovery();
    let mut no_other_way = false;

    // An owner that polls may be faster than the event, as above.
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
