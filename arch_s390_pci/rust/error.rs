// SPDX-License-Identifier: GPL-2.0-only

//! Error events: what they mean for their function, and who recovers it.

use super::{
    limited,
    recovery, //
};
use kernel::{
    pci,
    prelude::*,
    sync::ArcBorrow,
    zpci::{
        self,
        debug,
        trace,
        Age,
        ChannelState,
        Device,
        DeviceGuard,
        ErrorEvent,
        ErsResult,
        Function,
        Recovery,
        Report,
        Severity,
        StateGuard, //
    }, //
};

/// Says in the log that there was an event.
pub(super) fn log_event(pdev: Option<&pci::Device>, event: &ErrorEvent) {
    limited!(
        pr_err,
        "{}: Event {:#x} reports an error for PCI function {:#x}\n",
        pdev.map_or("n/a", zpci::name),
        event.pec().as_raw(),
        event.fid().as_raw()
    );
}

/// Handles an error event that was submitted at `age`.
pub(super) fn handle(
    zdev: &Device,
    function: ArcBorrow<'_, Function>,
    event: &ErrorEvent,
    age: Age,
) {
    loop {
        let state = zdev.lock_state();

        if !is_current(&state, event) {
            return function.ignore();
        }
        let Some(pdev) = state.pdev() else {
            log_event(None, event);
            return function.report(Report::new(zdev).platform(c"error event", c"no pdev bound"));
        };

        if event.pec().severity() == Severity::Measurement {
            return log_event(Some(&pdev), event);
        }
        if let Some(device) = state.try_lock_device(&pdev) {
            let stale = function.is_stale(age);

            // One that came between the reset and the rest of opening is the new owner's.
            return if function.is_of_earlier_owner(age) && (stale || zpci::config_accessible(&pdev))
            {
                function.ignore()
            } else if stale {
                keep_stale(function, &device, event)
            } else {
                decide(function, &device, event)
            };
        }
        // Whoever has the device may be waiting for user space, which may need the function.
        state.wait_for_device(&pdev);
    }
}

/// Whether an event is about the function as it is now, and not as it was before it was disabled,
/// enabled or reset. If it is, the function's handle is now that of the event.
fn is_current(state: &StateGuard<'_>, event: &ErrorEvent) -> bool {
    const STALE: debug::Format = debug::Format::new(c"err fid:%x, fh:%x (stale %x)\n");

    // Where the platform does not say, what was known last has to do.
    let current = state.query_fh().unwrap_or_else(|_| state.zdev().fh());

    if current.as_raw() == 0 || current != event.fh() {
        debug::message(
            3,
            &STALE,
            [event.fid().as_raw(), current.as_raw(), event.fh().as_raw()],
        );
        return false;
    }
    state.update_fh(current);
    true
}

/// Keeps an event that a reset has overtaken for the owner. There is nothing to recover from.
fn keep_stale(function: ArcBorrow<'_, Function>, device: &DeviceGuard<'_>, event: &ErrorEvent) {
    if function.capture_stale(*event) {
        if let Some(driver) = device.driver() {
            // An owner that reads the event sees that it is stale, whatever its driver answers.
            let _ = driver.error_detected();
        }
        trace::signalled(device.state().zdev().fid());
    }
    log_event(Some(device.pdev()), event);
}

/// Decides who recovers the function, once: both locks are held until whoever it is has begun.
fn decide(function: ArcBorrow<'_, Function>, device: &DeviceGuard<'_>, event: &ErrorEvent) {
    let lost = device.channel_state() == ChannelState::PermanentFailure;
    let permanent = event.pec().severity() == Severity::Permanent;

    device.set_channel_state(if lost || permanent {
        ChannelState::PermanentFailure
    } else {
        ChannelState::Frozen
    });
    match (function.capture(*event), permanent) {
        (Some(Recovery::Owner | Recovery::Nobody), _) => {
            leave_to_owner(function, device, event, lost || permanent)
        }
        (_, true) => {
            log_event(Some(device.pdev()), event);
            recovery::fail(device);
        }
        (Some(Recovery::Host) | None, false) => {
            log_event(Some(device.pdev()), event);
            recovery::by_host(function, device, lost);
        }
    }
}

/// Tells the owner in user space, before anything else is done about the event.
fn leave_to_owner(
    function: ArcBorrow<'_, Function>,
    device: &DeviceGuard<'_>,
    event: &ErrorEvent,
    lost: bool,
) {
    // It may be that no driver is bound: between an owner that has closed the function and its
    // session's end there is none to tell.
    let answer = device.driver().and_then(|driver| driver.error_detected());
    let zdev = device.state().zdev();
    let report = Report::new(zdev).device(device);

    trace::signalled(zdev.fid());
    function.report(if lost {
        report.log(*event, |pdev, event| log_event(Some(pdev), event))
    } else {
        report
            .log(*event, log_left_to_owner)
            .uevent(answer.unwrap_or(ErsResult::None))
            .platform(c"recovery", c"in progress")
    });
}

fn log_left_to_owner(pdev: &pci::Device, event: &ErrorEvent) {
    log_event(Some(pdev), event);
    limited!(
        pr_info,
        "{}: Leaving recovery of pass-through device to user-space\n",
        zpci::name(pdev)
    );
}
