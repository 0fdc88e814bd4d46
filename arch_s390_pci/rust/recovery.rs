// SPDX-License-Identifier: GPL-2.0-only

//! Recovery by the host, step by step with the driver of the function.
//!
//! Documentation/PCI/pci-error-recovery.rst describes the steps. A recovery includes only one
//! function: the platform reports an event for each affected function of a device.

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

/// The status of a recovery for the report to the platform; `Err` after a failed recovery.
type Outcome = Result<&'static CStr, &'static CStr>;

/// Recovers a function. Gives the function up if this event is a permanent failure (`fails`) or an
/// earlier event was one (`had_failed`).
pub(super) fn by_host(device: &DeviceGuard<'_>, had_failed: bool, fails: bool) {
    if fails {
        return fail(device);
    }
    let outcome = if had_failed {
        Err(c"skipped (permanent failure)")
    } else {
        attempt(device)
    };
    // Make the report before `fail` changes the channel state: the report names the state that the
    // attempt has left.
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

/// Ends the error state of a function whose owner does not listen (has neither registered the error
/// eventfd nor asked for events). The owner's driver notices failed commands and goes on. The
/// function is not reset: the driver would not learn that all registers are cleared.
///
/// # Errors
///
/// [`EIO`] if the function is disabled, or an error of the platform; the function then stays in
/// error.
pub(super) fn without_driver(device: &DeviceGuard<'_>) -> Result {
    let state = device.state();

    if !state.zdev().fh().is_enabled() {
        return Err(EIO);
    }
    state.unblock_load_store()?;
    device.end_error()
}

/// Recovers a function that its owner has closed in error, unless the function has a new owner;
/// [`None`] if the device lock or `state_lock` is taken.
pub(super) fn process_abandoned(zdev: &Device) -> Option<()> {
    // Do nothing if the function is deconfigured or being removed: its PCI device is gone, or is
    // going away.
    let Ok(device) = zdev.try_lock_both()? else {
        return Some(());
    };

    if zpci::is_in_error(device.pdev()) && !zdev.recovery().is_open() {
        // Ignore a failed `reset`: the function stays in error, and the next owner's open resets
        // the function again.
        let _ = device.reset(Restore::LastSaved);
    }
    Some(())
}

/// Gives a function up: sets the channel state to permanent failure, and tells the driver.
fn fail(device: &DeviceGuard<'_>) {
    device.set_channel_state(ChannelState::PermanentFailure);
    if let Some(driver) = device.driver() {
        // Ignore the driver's answer: nothing else can be tried.
        let _ = driver.error_detected();
    }
}

// Not inlined, like `error`: both have many callers.
#[inline(never)]
fn info(device: &DeviceGuard<'_>, line: &str) {
    let (zdev, pdev) = (device.state().zdev(), device.pdev());

    log::info(Some(zdev), Some(pdev), fmt!("{line}"));
}

#[inline(never)]
fn error(device: &DeviceGuard<'_>, line: &str) {
    let (zdev, pdev) = (device.state().zdev(), device.pdev());

    log::error(Some(zdev), Some(pdev), fmt!("{line}"));
}

/// Goes through the steps of a recovery with the function's driver.
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
        // The answer `None` counts as recovered: the driver has no objection, or has no callback.
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

/// Unblocks the function's registers, lets the driver check the device, and ends the error state.
/// Returns the driver's answer, or [`ErsResult::NeedReset`] if the platform refuses a step.
fn unblock(device: &DeviceGuard<'_>, driver: &Driver<'_>) -> ErsResult {
    // Reset a disabled function: only an enabled function can be unblocked. The platform may have
    // disabled the function together with the error.
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

/// Resets the function through the platform, and tells the driver. Returns the driver's answer.
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
