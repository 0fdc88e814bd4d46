// SPDX-License-Identifier: GPL-2.0-only

//! Error events: what they mean for their function, and who recovers it.

use super::{
    limited,
    recovery, //
};
use kernel::{
    pci,
    prelude::*,
    zpci::{
        self,
        debug,
        trace,
        ChannelState,
        Device,
        DeviceGuard,
        DeviceLocking,
        ErrorEvent,
        ErsResult,
        Progress,
        RecoveredBy,
        Recovery,
        Report,
        Severity,
        StateGuard, //
    }, //
};

/// Says in the log that there was an event.
fn log_event(zdev: &Device, name: &str, event: &ErrorEvent) {
    limited!(
        zdev,
        pr_err,
        "{name}: Event {:#x} reports an error for PCI function {:#x}\n",
        event.pec().as_raw(),
        event.fid().as_raw()
    );
}

fn log_event_of(zdev: &Device, pdev: &pci::Device, event: &ErrorEvent) {
    log_event(zdev, zpci::name(pdev), event);
}

fn log_left_to_owner(zdev: &Device, pdev: &pci::Device, event: &ErrorEvent) {
    log_event_of(zdev, pdev, event);
    limited!(
        zdev,
        pr_info,
        "{}: Leaving recovery of pass-through device to user-space\n",
        zpci::name(pdev)
    );
}

/// Says in the log that there was an event of a function that is not known.
pub(super) fn log_unknown(event: &ErrorEvent) {
    let name = "n/a";

    if zpci::may_log() {
        pr_err!(
            "{name}: Event {:#x} reports an error for PCI function {:#x}\n",
            event.pec().as_raw(),
            event.fid().as_raw()
        );
    }
}

/// Processes an error event that was submitted in this generation of its function.
pub(super) fn process(zdev: &Device, event: &ErrorEvent, generation: u32) -> Progress {
    let Ok(recovery) = zdev.recovery() else {
        return Progress::Done;
    };
    let Some(state) = zdev.try_lock_state() else {
        return Progress::Later;
    };

    // The platform is asked after that: it takes its time, and this may have to be tried for long.
    let device = match state.lock_device() {
        DeviceLocking::Locked(device) => Some(device),
        DeviceLocking::NoDevice => None,
        DeviceLocking::Busy => return Progress::Later,
    };

    if !is_current(&state, event) || generation != zdev.generation() {
        recovery.ignore();
        return Progress::Done;
    }
    match device {
        Some(device) if event.pec().severity() == Severity::Measurement => {
            log_event_of(zdev, device.pdev(), event);
        }
        Some(device) => decide(&recovery, &device, event),
        None => {
            log_event(zdev, "n/a", event);
            zdev.report(Report::new().platform(c"error event", c"no pdev bound"));
        }
    }
    Progress::Done
}

/// Whether an event is about the function as it is now, and not as it was before it was disabled,
/// enabled or reset. If it is, the function's handle is now that of the event.
fn is_current(state: &StateGuard<'_>, event: &ErrorEvent) -> bool {
    const STALE: debug::Format = debug::Format::new(c"err fid:%x, fh:%x (stale %x)\n");

    let current = match state.query_fh() {
        Ok(fh) => fh.as_raw(),
        // The platform has no such function any more.
        Err(error) if error == ENODEV => 0,
        // Where the platform does not say, what was known last has to do.
        Err(_) => state.zdev().fh().as_raw(),
    };

    if current == 0 || current != event.fh().as_raw() {
        debug::message(
            3,
            &STALE,
            [event.fid().as_raw(), current, event.fh().as_raw()],
        );
        return false;
    }
    state.update_fh(event.fh());
    true
}

/// Decides who recovers the function, once: both locks are held until the recovery has begun.
fn decide(recovery: &Recovery, device: &DeviceGuard<'_>, event: &ErrorEvent) {
    let before = device.channel_state();
    let lost = before == ChannelState::PermanentFailure;

    if before == ChannelState::Normal {
        recovery.begin_error();
    }
    let permanent = event.pec().severity() == Severity::Permanent;

    device.set_channel_state(if lost || permanent {
        ChannelState::PermanentFailure
    } else {
        ChannelState::Frozen
    });
    match recovery.decide(lost || permanent) {
        Some(RecoveredBy::Host) => recover_for_silent_owner(recovery, device, event, before),
        Some(recovered_by) => {
            keep(recovery, device, event, recovered_by);
            report_left(device, event, before);
        }
        None => {
            let zdev = device.state().zdev();

            log_event_of(zdev, device.pdev(), event);
            if permanent {
                recovery::fail(device);
            } else {
                recovery::by_host(device, lost);
            }
        }
    }
}

/// Keeps an event for the owner in user space and tells it if it listens, before anything else.
fn keep(
    recovery: &Recovery,
    device: &DeviceGuard<'_>,
    event: &ErrorEvent,
    recovered_by: RecoveredBy,
) {
    if !recovery.capture(event, recovered_by) {
        return;
    }
    // It may be that no driver is bound: between an owner that has closed the function and its
    // session's end there is none to tell.
    if let Some(driver) = device.driver() {
        let _ = driver.error_detected();
    }
    trace::signalled(device.state().zdev().fid());
}

/// Reports a function that is left in error, until its owner or the next one resets it. If it was
/// in error `before`, all but the log has been told: nobody limits how often it fails again.
fn report_left(device: &DeviceGuard<'_>, event: &ErrorEvent, before: ChannelState) {
    let report = Report::new().device(device);

    let report = match (device.channel_state(), before) {
        (ChannelState::PermanentFailure, _) => report.log(*event, log_event_of),
        (_, ChannelState::Normal) => report
            .log(*event, log_left_to_owner)
            .uevent(ErsResult::CanRecover)
            .platform(c"recovery", c"in progress"),
        _ => report.log(*event, log_left_to_owner),
    };

    device.state().zdev().report(report);
}

/// Ends the error of a function whose owner does not listen, so that the owner's driver, which
/// finds out by itself that something is wrong, can go on. The function is not reset: its owner
/// would not know that all it has set up is gone.
fn recover_for_silent_owner(
    recovery: &Recovery,
    device: &DeviceGuard<'_>,
    event: &ErrorEvent,
    before: ChannelState,
) {
    if recovery::without_driver(device).is_err() {
        keep(recovery, device, event, RecoveredBy::Nobody);
        return report_left(device, event, before);
    }
    keep(recovery, device, event, RecoveredBy::Host);

    let zdev = device.state().zdev();
    let report = || Report::new().device(device);

    zdev.report(
        report()
            .log(*event, log_event_of)
            .uevent(ErsResult::CanRecover),
    );
    zdev.report(
        report()
            .uevent(ErsResult::Recovered)
            .platform(c"recovery", c"success"),
    );
}
