// SPDX-License-Identifier: GPL-2.0-only

//! Recovery by the host, step by step with the driver of the function.
//!
//! The steps are those of Documentation/PCI/pci-error-recovery.rst, but for a single function:
//! the platform itself determines which functions of a device are affected.

use super::log;
use kernel::{
    prelude::*,
    zpci::{
        self,
        ChannelState,
        Device,
        DeviceGuard,
        Driver,
        ErsResult,
        Report,
        Restore, //
    }, //
};

/// How a recovery has ended, as the platform is told: an `Err` is a failure.
type Outcome = Result<&'static CStr, &'static CStr>;

/// Recovers a function, unless it has failed for good: now, or before.
pub(super) fn by_host(device: &DeviceGuard<'_>, had_failed: bool, fails: bool) {
    if fails {
        return fail(device);
    }
    let outcome = if had_failed {
        Err(c"skipped (permanent failure)")
    } else {
        attempt(device)
    };
    // With the channel state of before the driver is told of a failure.
    let report = Report::of(
        device,
        None,
        Some(outcome.unwrap_or_else(|failure| failure)),
    );

    if outcome.is_err() {
        fail(device);
    }
    device.state().zdev().report(report);
}

/// Ends the error of a function whose owner does not listen, so that the owner's driver, which
/// finds out by itself that something is wrong, can go on. The function is not reset: its owner
/// would not know that all it has set up is gone.
///
/// # Errors
///
/// [`EIO`] if the platform refuses; the function is then in error as before.
pub(super) fn without_driver(device: &DeviceGuard<'_>) -> Result {
    let state = device.state();

    if !state.zdev().fh().is_enabled() {
        return Err(EIO);
    }
    state.unblock_load_store()?;
    device.end_error()
}

/// Brings a function back that its owner has left in error, unless it has another owner by now;
/// [`None`] if a lock is taken.
pub(super) fn abandoned(zdev: &Device) -> Option<()> {
    // A failure is in the channel state, and the next one to open the function tries again.
    zdev.try_reset(Restore::LastSaved, &mut |device| {
        zpci::is_in_error(device.pdev()) && !zdev.recovery().is_open()
    })
    .map(drop)
}

/// Gives a function up, and tells its driver.
fn fail(device: &DeviceGuard<'_>) {
    device.set_channel_state(ChannelState::PermanentFailure);
    if let Some(driver) = device.driver() {
        // There is nothing left that the answer could change.
        let _ = driver.error_detected();
    }
}

fn info(device: &DeviceGuard<'_>, line: &str) {
    let (zdev, pdev) = (device.state().zdev(), device.pdev());

    log::info(Some(zdev), Some(pdev), fmt!("{line}"));
}

fn error(device: &DeviceGuard<'_>, line: &str) {
    let (zdev, pdev) = (device.state().zdev(), device.pdev());

    log::error(Some(zdev), Some(pdev), fmt!("{line}"));
}

/// Goes through the steps with the driver.
fn attempt(device: &DeviceGuard<'_>) -> Outcome {
    let Some(driver) = device.driver() else {
        info(
            device,
            "Cannot be recovered because no driver is bound to the device\n",
        );
        return Err(c"failed (no driver)");
    };

    if !driver.handles_errors() {
        log::info(
            Some(device.state().zdev()),
            Some(device.pdev()),
            fmt!(
                "The {} driver bound to the device does not support error recovery\n",
                driver.name().to_str().unwrap_or("?")
            ),
        );
        return Err(c"failed (no driver support)");
    }
    let mut answer = driver.error_detected().unwrap_or(ErsResult::Disconnect);

    zpci::uevent(device.pdev(), answer);
    if answer == ErsResult::Disconnect {
        info(
            device,
            "Automatic recovery failed after initial reporting\n",
        );
        return Err(c"failed (abort on detection)");
    }
    if answer != ErsResult::NeedReset {
        answer = unblock(device, &driver);
        if answer == ErsResult::Disconnect {
            return Err(c"failed (abort on MMIO enable)");
        }
    }
    if answer == ErsResult::NeedReset {
        answer = reset(device, &driver);
    }
    match answer {
        // A driver without an opinion has nothing against going on.
        ErsResult::None | ErsResult::Recovered => {
            info(device, "The device is ready to resume operations\n");
            driver.resume();
            zpci::uevent(device.pdev(), ErsResult::Recovered);
            Ok(Report::SUCCESS)
        }
        ErsResult::CanRecover | ErsResult::NeedReset | ErsResult::Disconnect => {
            zpci::uevent(device.pdev(), ErsResult::Disconnect);
            error(
                device,
                "Automatic recovery failed; operator intervention is required\n",
            );
            Err(c"failed (driver can't recover)")
        }
    }
}

/// Makes the function accessible, lets the driver look at it, and ends the error state. Where
/// that is not possible a reset is wanted.
fn unblock(device: &DeviceGuard<'_>, driver: &Driver<'_>) -> ErsResult {
    // The event may have disabled the function.
    if !device.state().zdev().fh().is_enabled() {
        return ErsResult::NeedReset;
    }
    info(device, "Unblocking device access for examination\n");
    if device.state().unblock_load_store().is_err() {
        error(device, "Unblocking device access failed\n");
        return ErsResult::NeedReset;
    }
    let answer = driver.mmio_enabled().unwrap_or(ErsResult::None);

    match answer {
        ErsResult::Disconnect => {
            info(device, "Automatic recovery failed after MMIO re-enable\n");
            return answer;
        }
        ErsResult::NeedReset => return answer,
        ErsResult::None | ErsResult::CanRecover | ErsResult::Recovered => (),
    }
    if device.end_error().is_err() {
        error(device, "Unblocking DMA failed\n");
        return ErsResult::NeedReset;
    }
    answer
}

/// Resets the function through the platform.
fn reset(device: &DeviceGuard<'_>, driver: &Driver<'_>) -> ErsResult {
    info(device, "Initiating reset\n");
    if device.hot_reset().is_err() {
        error(device, "The reset request failed\n");
        return ErsResult::Disconnect;
    }
    device.set_channel_state(ChannelState::Normal);
    let answer = driver.slot_reset().unwrap_or(ErsResult::None);

    if answer == ErsResult::Disconnect {
        info(device, "Automatic recovery failed after slot reset\n");
    }
    answer
}
