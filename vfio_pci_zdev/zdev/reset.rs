// SPDX-License-Identifier: GPL-2.0-only

//! Reset of a function for its owner, and for an owner that comes.

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

/// Tries something as [`patiently`] does, but not before all errors that are on their way are
/// processed: an owner gets the event that it resets its function for, and none of an earlier one.
pub(super) fn between_events<R>(
    recovery: &Recovery,
    mut attempt: impl FnMut() -> Option<Result<R>>,
) -> Result<R> {
    patiently(|| {
        if recovery.unprocessed() != 0 {
            return None;
        }
        attempt()
    })
}

/// Resets a function that is in error before its device is opened, so that what is taken for its
/// initial state is one.
pub(super) fn before_open(device: &CoreDevice) -> Result {
    let zdev = Device::of(device.pdev()).ok_or(ENODEV)?;
    let recovery = zdev.recovery()?;

    if recovery.unprocessed() == 0 && !zpci::is_in_error(device.pdev()) {
        return Ok(());
    }
    // An event that is on its way is about the function as it is now, and so comes first. There
    // is none of a function that is in order, and this costs two switches of threads.
    zpci::wait_for_channel_reports()?;
    between_events(recovery, || {
        zdev.try_reset(Restore::LastSaved, &mut |device| {
            zpci::is_in_error(device.pdev())
        })
    })?;
    Ok(())
}

/// Resets the function for its owner: through the platform if it is in error, or if the PCI core
/// has no way, and else by the PCI core.
///
/// # Errors
///
/// [`EINTR`] if the caller is being killed, [`EAGAIN`] if others do not get done with the
/// function, [`ENODEV`] if it is not configured any more, or what the platform or the PCI core say.
pub(super) fn on_demand(device: &CoreDevice) -> Result {
    let zdev = Device::of(device.pdev()).ok_or(ENODEV)?;
    let recovery = zdev.recovery()?;
    // Others use the memory for as long as they like, so this comes before all locks of ours.
    let memory = device.block_memory();

    memory.power_on();
    let result = between_events(recovery, || {
        let mut newest = 0;
        let result = match zdev.try_reset(Restore::Current, &mut |locked| {
            newest = recovery.newest();
            !device.reset_works() || zpci::is_in_error(locked.pdev())
        })? {
            Ok(true) => Ok(()),
            Ok(false) => match zpci::try_reset_function(device.pdev()) {
                Err(error) if error == EAGAIN => return None,
                result => result,
            },
            Err(error) => Err(error),
        };

        Some(result.inspect(|()| recovery.recovered(newest)))
    });

    // If it was blocked it could not be woken up before, and was taken for one without power.
    memory.power_on();
    result
}
