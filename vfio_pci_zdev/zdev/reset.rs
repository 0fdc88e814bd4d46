// SPDX-License-Identifier: GPL-2.0-only

//! Reset of a function that is in error, through the platform.

use kernel::{
    prelude::*,
    sync::ArcBorrow,
    time::{
        delay::fsleep,
        Delta, //
    },
    vfio::pci::CoreDevice,
    zpci::{
        self,
        ChannelState,
        Device,
        DeviceGuard,
        ErsResult,
        Function,
        Report,
        State, //
    }, //
};

/// How long a reset waits for others to be done with the function. Who takes longer waits for
/// user space, which cannot let the function go before it is back from here.
const PATIENCE: Delta = Delta::from_secs(10);

/// The longest pause between two looks at whether they are done.
const PAUSE: Delta = Delta::from_millis(10);

/// Where config space is to be taken from after a reset.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Config {
    /// It is to be as it is now.
    Kept,
    /// It is to be as it was when last saved: what is there now is an earlier owner's.
    Saved,
}

/// Resets a function that is in error, before its device is opened, so that what is taken for its
/// initial state is one.
pub(super) fn before_open(device: &CoreDevice) -> Result {
    match wait_and_reset(device, false, Config::Saved) {
        Err(error) if error == ENOTTY => Ok(()),
        result => result,
    }
}

/// Resets a function that its owner has left in error, while its device is being closed. Returns
/// whether it is in order now; if others are busy with it, it is theirs.
pub(super) fn left_behind(device: &CoreDevice, zdev: &Device) -> bool {
    match try_reset(device, zdev, false, Config::Saved) {
        Some(Ok(())) => true,
        Some(Err(error)) => error == ENOTTY,
        None => false,
    }
}

/// Resets a function that is in error, or that the generic code has found no way to reset.
///
/// # Errors
///
/// [`ENOTTY`] if the function is in order, and the generic code is to reset it. [`EINTR`] if the
/// caller is being killed, [`EAGAIN`] if others do not get done with the function, [`ENODEV`] if
/// it is not configured anymore, or what the platform says.
pub(super) fn on_demand(device: &CoreDevice) -> Result {
    wait_and_reset(device, !device.reset_works(), Config::Kept)
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

/// Resets the function if nobody else is busy with it; [`None`] if somebody is.
///
/// Neither lock is waited for: who holds them may be waiting for this very owner.
fn try_reset(device: &CoreDevice, zdev: &Device, always: bool, config: Config) -> Option<Result> {
    let function = match zdev.recovery_or_new() {
        Ok(function) => function,
        Err(error) => return Some(Err(error)),
    };

    // An event that is on its way decides whether the function is in error.
    if function.is_busy() {
        return None;
    }
    let state = zdev.try_lock_state()?;
    let guard = state.try_lock_device(device.pdev())?;

    if !always && guard.channel_state() == ChannelState::Normal && guard.config_accessible() {
        return Some(Err(ENOTTY));
    }
    if zdev.state() != State::Configured {
        return Some(Err(ENODEV));
    }
    Some(reset(device, function, &guard, config))
}

/// Resets the function, and brings config space, interruptions and DMA translation back as they
/// were.
fn reset(
    device: &CoreDevice,
    function: ArcBorrow<'_, Function>,
    guard: &DeviceGuard<'_>,
    config: Config,
) -> Result {
    let memory = device.block_memory();
    let driver = guard.driver();

    memory.power_on();
    if let Some(driver) = &driver {
        driver.reset_prepare();
    }
    let result = reset_platform(guard, config);

    if result.is_ok() {
        function.note_reset();
    }
    if let Some(driver) = &driver {
        driver.reset_done();
    }
    drop(memory);

    let report = Report::new(guard.state().zdev()).device(guard);

    function.report(match result {
        Ok(()) => report
            .uevent(ErsResult::Recovered)
            .platform(c"recovery", c"success"),
        Err(_) => report
            .uevent(ErsResult::Disconnect)
            .platform(c"recovery", c"failed (reset)"),
    });
    result
}

fn reset_platform(guard: &DeviceGuard<'_>, config: Config) -> Result {
    let state = guard.state();

    // What was there before the error still is, behind the block. If it cannot be had, the state
    // that was saved last is what there is to go back to.
    if config == Config::Kept
        && (guard.config_accessible()
            || (state.zdev().handle().is_enabled()
                && state.unblock_load_store().is_ok()
                && guard.config_accessible()))
    {
        guard.save_config();
    }
    state.hot_reset()?;
    // Without a translation to refresh there is nothing to keep valid.
    let _ = state.refresh_translations();
    // Config space of a device that is marked as lost would not be written to.
    guard.set_channel_state(ChannelState::Normal);
    match guard.function_level_reset() {
        Err(error) if error != ENOTTY => {
            guard.set_channel_state(ChannelState::PermanentFailure);
            return Err(error);
        }
        _ => (),
    }
    guard.restore_config();
    Ok(())
}
