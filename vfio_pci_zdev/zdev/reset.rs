// SPDX-License-Identifier: GPL-2.0-only

//! Reset of a function that is in error, through the platform.

use kernel::{
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    },
    vfio::pci::CoreDevice,
    zpci::{
        self,
        Config,
        Device,
        Function,
        State, //
    }, //
};

/// How long a reset waits for others to be done with the function. Who takes longer waits for
/// user space, which cannot let the function go before it is back from here.
const PATIENCE: Delta = Delta::from_secs(1);

/// The longest pause between two looks at whether they are done.
const PAUSE: Delta = Delta::from_millis(10);

/// Resets a function that is in error, before its device is opened, so that what is taken for its
/// initial state is one.
pub(super) fn before_open(device: &CoreDevice) -> Result {
    match repair(device) {
        Err(error) if error == ENOTTY => Ok(()),
        result => result,
    }
}

/// Resets a function that its owner leaves in error, while its device is being closed. If others
/// do not get done with it, or it fails, the host has to see to it.
pub(super) fn left_behind(device: &CoreDevice) {
    let _ = repair(device);
}

/// Resets a function that is in error, and that nobody uses. [`ENOTTY`] if there is no need.
fn repair(device: &CoreDevice) -> Result {
    let zdev = Device::of(device.pdev()).ok_or(ENOTTY)?;

    if is_in_order(device, &*zdev.recovery_or_new()?) {
        return Err(ENOTTY);
    }
    // An event that is on its way is about the function as it is now, and so comes first. There
    // is none of a function that is in order, and this costs two switches of threads.
    zpci::settle();
    wait_and_reset(device, false, Config::Saved)
}

/// Resets a function that is in error, or that the generic code has found no way to reset.
///
/// # Errors
///
/// [`ENOTTY`] if the function is in order, and the generic code is to reset it. [`EINTR`] if the
/// caller is being killed, [`EAGAIN`] if others do not get done with the function, [`ENODEV`] if
/// it is not configured anymore, or what the platform says.
pub(super) fn on_demand(device: &CoreDevice) -> Result {
    let result = wait_and_reset(device, !device.reset_works(), Config::Kept);

    if result == Err(ENOTTY) {
        // Before the generic code resets it: to say so afterwards would make an event stale that
        // comes right after the reset.
        if let Some(function) = Device::of(device.pdev()).and_then(|zdev| zdev.recovery()) {
            function.note_reset();
        }
    }
    result
}

fn wait_and_reset(device: &CoreDevice, always: bool, config: Config) -> Result {
    let zdev = Device::of(device.pdev()).ok_or(ENOTTY)?;
    let mut pause = Delta::from_micros(50);
    let mut waited = Delta::ZERO;

    loop {
        if let Some(result) = try_reset(device, zdev, always, config) {
            return result;
        }
        if zpci::is_being_killed() {
            return Err(EINTR);
        }
        if waited >= PATIENCE {
            return Err(EAGAIN);
        }
        fsleep(pause);
        waited += pause;
        pause = core::cmp::min(pause + pause, PAUSE);
    }
}

/// Whether the generic code can reset the function: it is in order, and nothing is on its way that
/// says otherwise.
fn is_in_order(device: &CoreDevice, function: &Function) -> bool {
    !function.is_busy() && !zpci::is_in_error(device.pdev())
}

/// Resets the function if nobody else is busy with it; [`None`] if somebody is.
///
/// Neither lock is waited for: who holds them may be waiting for this very owner.
fn try_reset(device: &CoreDevice, zdev: &Device, always: bool, config: Config) -> Option<Result> {
    let function = match zdev.recovery_or_new() {
        Ok(function) => function,
        Err(error) => return Some(Err(error)),
    };

    if !always && is_in_order(device, &function) {
        return Some(Err(ENOTTY));
    }
    if function.is_busy() {
        return None;
    }
    let state = zdev.try_lock_state()?;
    let guard = state.try_lock_device(device.pdev())?;

    if zdev.state() != State::Configured {
        return Some(Err(ENODEV));
    }
    let memory = device.block_memory();
    memory.power_on();
    let result = guard.reset(function, config);

    // If it was blocked it could not be woken up before, and was taken for one without power.
    memory.power_on();

    // Who resets next finds the locks free once the memory is.
    drop(guard);
    drop(state);
    // That the function is in order is for `is_in_order` alone to say.
    Some(result.map_err(|error| if error == ENOTTY { EIO } else { error }))
}
