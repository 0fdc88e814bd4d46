// SPDX-License-Identifier: GPL-2.0-only

//! Error events. Decides whether an event is about the present state of its function, and which
//! side recovers the function: the owner in user space, the host, or nobody.

use super::{
    log,
    recovery, //
};
use kernel::{
    prelude::*,
    zpci::{
        debug,
        trace,
        Ccdf,
        ChannelState,
        Device,
        DeviceGuard,
        ErsResult,
        Locks,
        RecoveredBy,
        Recovery,
        Report,
        Severity,
        StateGuard, //
    }, //
};

/// Processes an error event; [`None`] if the device lock or `state_lock` is taken. Ignores the
/// event if `generation`, the function's generation when the event was submitted, is over.
pub(super) fn process(zdev: &Device, event: &Ccdf, generation: u32) -> Option<()> {
    let recovery = zdev.recovery();
    let locks = zdev.try_lock()?;
    let (device, state) = match &locks {
        Locks::Both(device) => (Some(device), device.state()),
        Locks::State(state) => (None, state),
    };

    // Ask the platform only with the device lock and `state_lock` held: the question takes long,
    // and would be repeated whenever one of the two locks is taken.
    if !is_current(state, event) || generation != zdev.generation() {
        recovery.count_ignored();
        return Some(());
    }
    match device {
        Some(device) if event.pec().severity() == Severity::Measurement => {
            log::event(Some(zdev), Some(device.pdev()), event);
        }
        Some(device) => decide(recovery, device, event),
        None => {
            log::event(Some(zdev), None, event);
            zdev.report(Report {
                platform: Some(c"no pdev bound"),
                ..Report::default()
            });
        }
    }
    Some(())
}

/// Whether an event is about the function's present state, and not about the state before the
/// function was disabled, enabled or reset. If so, sets the function's handle to the event's
/// handle.
#[inline(never)]
fn is_current(state: &StateGuard<'_>, event: &Ccdf) -> bool {
    let current = match state.query_fh() {
        Ok(fh) => fh.as_raw(),
        // The platform does not know the function any more. Use the handle 0, which is no
        // function's handle: the event is then ignored as an old one.
        Err(error) if error == ENODEV => 0,
        // The platform does not answer: compare the event's handle with the handle that Linux
        // knows.
        Err(_) => state.zdev().fh().as_raw(),
    };

    if current == 0 || current != event.fh().as_raw() {
        debug::old_handle(event, current);
        return false;
    }
    state.update_fh(event.fh());
    true
}

/// Decides which side recovers the function. The device lock and `state_lock` stay held until the
/// recovery has begun, so that no other thread decides meanwhile.
fn decide(recovery: &Recovery, device: &DeviceGuard<'_>, event: &Ccdf) {
    let zdev = device.state().zdev();
    let before = device.enter_error();
    let had_failed = before == ChannelState::PermanentFailure;
    let fails = event.pec().severity() == Severity::Permanent;

    device.set_channel_state(if had_failed || fails {
        ChannelState::PermanentFailure
    } else {
        ChannelState::Frozen
    });
    let Some(mut recovered_by) = recovery.decide(had_failed || fails) else {
        log::event(Some(zdev), Some(device.pdev()), event);
        return recovery::by_host(device, had_failed, fails);
    };

    if recovered_by == RecoveredBy::Host && recovery::without_driver(device).is_err() {
        recovered_by = RecoveredBy::Nobody;
    }
    capture(recovery, device, event, recovered_by);
    report(device, event, before, recovered_by);
}

/// Captures an event for the owner. Signals an owner that listens (has registered the error eventfd
/// or has asked for events) before anything slower is done.
fn capture(recovery: &Recovery, device: &DeviceGuard<'_>, event: &Ccdf, recovered_by: RecoveredBy) {
    if !recovery.capture(event, recovered_by) {
        return;
    }
    // Signal the owner through the bound driver. If no driver is bound, there is nobody to signal:
    // the owner has closed the function already, and only the session has not ended yet.
    if let Some(driver) = device.driver() {
        let _ = driver.error_detected();
    }
    trace::signalled(device.state().zdev().fid());
}

/// Reports an event of a function that an owner has open. Only logs the event if the function was
/// in error `before` and stays in error: a broken function can raise events without end, and the
/// platform and user space know of the error already.
fn report(device: &DeviceGuard<'_>, event: &Ccdf, before: ChannelState, recovered_by: RecoveredBy) {
    let zdev = device.state().zdev();
    let mut report = Report::of(device, None, None);

    report.log = Some((*event, log::event));
    if recovered_by == RecoveredBy::Host {
        report.uevent = Some(ErsResult::CanRecover);
    } else if device.channel_state() != ChannelState::PermanentFailure {
        report.log = Some((*event, log::left_to_owner));
        if before == ChannelState::Normal {
            report.uevent = Some(ErsResult::CanRecover);
            report.platform = Some(c"in progress");
        }
    }
    zdev.report(report);
    if recovered_by == RecoveredBy::Host {
        zdev.report_end(device, true);
    }
}
