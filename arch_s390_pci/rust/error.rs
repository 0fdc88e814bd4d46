// SPDX-License-Identifier: GPL-2.0-only

//! Error events: whether the event is about the function as it is now, and which side recovers it.

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

/// Processes an error event that was submitted in this generation of its function; [`None`] if a
/// lock is taken.
pub(super) fn process(zdev: &Device, event: &Ccdf, generation: u32) -> Option<()> {
    let recovery = zdev.recovery();
    let locks = zdev.try_lock();
    let (device, state) = match &locks {
        Locks::Both(device) => (Some(device), device.state()),
        Locks::State(state) => (None, state),
        Locks::Busy => return None,
    };

    // The platform is asked last: it takes its time, and a lock may be taken for long.
    if !is_current(state, event) || generation != zdev.generation() {
        recovery.ignore();
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

/// Whether an event is about the function as it is now, and not as it was before it was disabled,
/// enabled or reset. If it is, the function's handle is now that of the event.
#[inline(never)]
fn is_current(state: &StateGuard<'_>, event: &Ccdf) -> bool {
    let current = match state.query_fh() {
        Ok(fh) => fh.as_raw(),
        // The platform has no such function any more.
        Err(error) if error == ENODEV => 0,
        // Without an answer of the platform the handle known last has to do.
        Err(_) => state.zdev().fh().as_raw(),
    };

    if current == 0 || current != event.fh().as_raw() {
        debug::old_handle(event, current);
        return false;
    }
    state.update_fh(event.fh());
    true
}

/// Decides who recovers the function, once: both locks are held until the recovery has begun.
fn decide(recovery: &Recovery, device: &DeviceGuard<'_>, event: &Ccdf) {
    let zdev = device.state().zdev();
    let before = device.channel_state();
    let had_failed = before == ChannelState::PermanentFailure;
    let fails = event.pec().severity() == Severity::Permanent;

    if before == ChannelState::Normal {
        recovery.begin_error();
    }
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
    keep(recovery, device, event, recovered_by);
    if recovered_by == RecoveredBy::Host {
        report_recovered(device, event);
    } else {
        report_left(device, event, before);
    }
}

/// Keeps an event for the owner in user space and tells it if it listens, before anything else.
fn keep(recovery: &Recovery, device: &DeviceGuard<'_>, event: &Ccdf, recovered_by: RecoveredBy) {
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
/// in error `before`, all but the log has been reported, and is not repeated: a function in error
/// may raise one event after the other.
fn report_left(device: &DeviceGuard<'_>, event: &Ccdf, before: ChannelState) {
    let mut report = Report::of(device, None, None);

    report.log = Some((*event, log::event));
    if device.channel_state() != ChannelState::PermanentFailure {
        report.log = Some((*event, log::left_to_owner));
        if before == ChannelState::Normal {
            report.uevent = Some(ErsResult::CanRecover);
            report.platform = Some(c"in progress");
        }
    }
    device.state().zdev().report(report);
}

/// Reports a function that the host has recovered for an owner that does not listen.
fn report_recovered(device: &DeviceGuard<'_>, event: &Ccdf) {
    let zdev = device.state().zdev();
    let mut begin = Report::of(device, Some(ErsResult::CanRecover), None);

    begin.log = Some((*event, log::event));
    zdev.report(begin);
    zdev.report_end(device, true);
}
