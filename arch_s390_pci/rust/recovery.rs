// SPDX-License-Identifier: GPL-2.0-only

//! Recovery by the host, step by step with the driver of the function.
//!
//! The steps are those of Documentation/PCI/pci-error-recovery.rst, but for a single function:
//! the platform itself determines which functions of a device are affected.

use super::limited;
use kernel::{
    prelude::*,
    zpci::{
        self,
        ChannelState,
        Device,
        DeviceGuard,
        Driver,
        ErsResult,
        Progress,
        Report,
        Restore, //
    }, //
};

/// How a recovery has ended, as the platform is told.
struct Outcome {
    status: &'static CStr,
    recovered: bool,
}

impl Outcome {
    const fn failed(status: &'static CStr) -> Self {
        Self {
            status,
            recovered: false,
        }
    }
}

/// Recovers a function. `lost` says that it is known to be beyond that.
pub(super) fn by_host(device: &DeviceGuard<'_>, lost: bool) {
    let outcome = if lost {
        Outcome::failed(c"skipped (permanent failure)")
    } else {
        attempt(device)
    };

    let report = Report::new()
        .device(device)
        .platform(c"recovery", outcome.status);

    if !outcome.recovered {
        fail(device);
    }
    device.state().zdev().report(report);
}

/// Ends the error of a function without a reset, and without its driver.
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
    state.renew_translations()?;
    state.clear_error()?;
    device.set_channel_state(ChannelState::Normal);
    Ok(())
}

/// Brings a function back that its owner has left in error, unless it has another owner by now.
pub(super) fn abandoned(zdev: &Device) -> Progress {
    let is_needed = |pdev: &_| {
        zpci::is_in_error(pdev) && zdev.recovery().is_ok_and(|recovery| !recovery.is_open())
    };

    match zdev.try_reset(Restore::LastSaved, |device| is_needed(device.pdev())) {
        // A failure is in the channel state, and the next one to open the function tries again.
        Some(_) => Progress::Done,
        None => Progress::Later,
    }
}

/// Gives a function up, and tells its driver.
pub(super) fn fail(device: &DeviceGuard<'_>) {
    device.set_channel_state(ChannelState::PermanentFailure);
    if let Some(driver) = device.driver() {
        // There is nothing left that the answer could change.
        let _ = driver.error_detected();
    }
}

fn attempt(device: &DeviceGuard<'_>) -> Outcome {
    let (zdev, name) = (device.state().zdev(), zpci::name(device.pdev()));
    let Some(driver) = device.driver() else {
        limited!(
            zdev,
            pr_info,
            "{name}: Cannot be recovered because no driver is bound to the device\n"
        );
        return Outcome::failed(c"failed (no driver)");
    };

    if !driver.handles_errors() {
        limited!(
            zdev,
            pr_info,
            "{name}: The {} driver bound to the device does not support error recovery\n",
            driver.name().to_str().unwrap_or("?")
        );
        return Outcome::failed(c"failed (no driver support)");
    }
    with_driver(device, &driver).unwrap_or_else(|failure| failure)
}

/// Goes through the steps. An `Err` is a recovery that has ended early.
fn with_driver(device: &DeviceGuard<'_>, driver: &Driver<'_>) -> Result<Outcome, Outcome> {
    let (zdev, name) = (device.state().zdev(), zpci::name(device.pdev()));
    let mut answer = driver.error_detected().unwrap_or(ErsResult::Disconnect);

    zpci::uevent(device.pdev(), answer);
    if answer == ErsResult::Disconnect {
        limited!(
            zdev,
            pr_info,
            "{name}: Automatic recovery failed after initial reporting\n"
        );
        return Err(Outcome::failed(c"failed (abort on detection)"));
    }
    if answer != ErsResult::NeedReset {
        answer = unblock(device, driver);
        if answer == ErsResult::Disconnect {
            return Err(Outcome::failed(c"failed (abort on MMIO enable)"));
        }
    }
    if answer == ErsResult::NeedReset {
        answer = reset(device, driver);
    }
    match answer {
        // A driver without an opinion has nothing against going on.
        ErsResult::None | ErsResult::Recovered => {
            limited!(
                zdev,
                pr_info,
                "{name}: The device is ready to resume operations\n"
            );
            driver.resume();
            zpci::uevent(device.pdev(), ErsResult::Recovered);
            Ok(Outcome {
                status: c"success",
                recovered: true,
            })
        }
        ErsResult::CanRecover | ErsResult::NeedReset | ErsResult::Disconnect => {
            zpci::uevent(device.pdev(), ErsResult::Disconnect);
            limited!(
                zdev,
                pr_err,
                "{name}: Automatic recovery failed; operator intervention is required\n"
            );
            Err(Outcome::failed(c"failed (driver can't recover)"))
        }
    }
}

/// Makes the function accessible, lets the driver look at it, and ends the error state. Where
/// that is not possible a reset is wanted.
fn unblock(device: &DeviceGuard<'_>, driver: &Driver<'_>) -> ErsResult {
    let (zdev, name) = (device.state().zdev(), zpci::name(device.pdev()));
    let state = device.state();

    // The event may have disabled the function.
    if !state.zdev().fh().is_enabled() {
        return ErsResult::NeedReset;
    }
    limited!(
        zdev,
        pr_info,
        "{name}: Unblocking device access for examination\n"
    );
    if state.unblock_load_store().is_err() {
        limited!(zdev, pr_err, "{name}: Unblocking device access failed\n");
        return ErsResult::NeedReset;
    }
    let answer = driver.mmio_enabled().unwrap_or(ErsResult::None);

    match answer {
        ErsResult::Disconnect => {
            limited!(
                zdev,
                pr_info,
                "{name}: Automatic recovery failed after MMIO re-enable\n"
            );
            return answer;
        }
        ErsResult::NeedReset => return answer,
        ErsResult::None | ErsResult::CanRecover | ErsResult::Recovered => (),
    }
    if state.renew_translations().is_err() || state.clear_error().is_err() {
        limited!(zdev, pr_err, "{name}: Unblocking DMA failed\n");
        return ErsResult::NeedReset;
    }
    device.set_channel_state(ChannelState::Normal);
    answer
}

/// Resets the function through the platform.
fn reset(device: &DeviceGuard<'_>, driver: &Driver<'_>) -> ErsResult {
    let (zdev, name) = (device.state().zdev(), zpci::name(device.pdev()));

    limited!(zdev, pr_info, "{name}: Initiating reset\n");
    if device.hot_reset().is_err() {
        limited!(zdev, pr_err, "{name}: The reset request failed\n");
        return ErsResult::Disconnect;
    }
    device.set_channel_state(ChannelState::Normal);
    let answer = driver.slot_reset().unwrap_or(ErsResult::None);

    if answer == ErsResult::Disconnect {
        limited!(
            zdev,
            pr_info,
            "{name}: Automatic recovery failed after slot reset\n"
        );
    }
    answer
}
