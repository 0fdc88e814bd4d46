// SPDX-License-Identifier: GPL-2.0-only

//! Availability events: functions come, go, and are asked for.

use super::submit;
use kernel::zpci::{
    debug,
    Availability,
    AvailabilityEvent,
    Device,
    Event,
    FunctionHandle,
    State,
    StateGuard, //
};

/// Submits an event to its function. One that is about all functions, or that makes a function
/// known, has none yet, and is handled here, but for what may wait.
pub(super) fn dispatch(event: AvailabilityEvent) {
    const AVAILABILITY: debug::Format = debug::Format::new(c"avl fid:%x, fh:%x, pec:%x\n");

    debug::message(
        3,
        &AVAILABILITY,
        [
            event.function().as_raw(),
            event.handle().as_raw(),
            event.code().as_raw().into(),
        ],
    );
    match (event.change(), Device::by_id(event.function())) {
        (Some(Availability::Several), _) => Device::rescan_all(),
        (_, Some(zdev)) => submit(&zdev, Event::Availability(event)),
        (Some(change), None) => create(change, &event),
        (None, None) => (),
    }
}

/// Makes a function known that the platform has announced.
fn create(change: Availability, event: &AvailabilityEvent) {
    let state = match change {
        Availability::Configured => State::Configured,
        Availability::Standby => State::Standby,
        // It is gone, and was never known.
        Availability::DeconfigurationRequested
        | Availability::Deconfigured
        | Availability::Several
        | Availability::Reserved => return,
    };

    // A failure has been logged where it happened.
    if Device::create(event.function(), event.handle(), state).is_err() {
        return;
    }
    if state == State::Configured {
        if let Some(zdev) = Device::by_id(event.function()) {
            submit(&zdev, Event::Scan(event.handle()));
        }
    }
}

/// Gives a new function to the PCI core.
pub(super) fn scan(zdev: &Device, handle: FunctionHandle) {
    let state = zdev.lock_state();

    // It may have been taken away again meanwhile.
    if zdev.state() == State::Configured {
        // A failure has been logged, and leaves the function disabled, to be tried again by hand.
        let _ = state.scan(handle);
    }
}

/// Handles an event of a function that is known.
pub(super) fn handle(zdev: &Device, event: &AvailabilityEvent) {
    let state = zdev.lock_state();

    match event.change() {
        Some(Availability::Configured) => configured(&state, event.handle()),
        Some(Availability::Standby) => {
            if zdev.state() == State::Reserved {
                reappear(&state);
            }
            state.update_handle(event.handle());
        }
        Some(Availability::DeconfigurationRequested) => {
            // The event may be older than the function's configuration.
            if zdev.state() == State::Configured {
                state.update_handle(event.handle());
                // A failure leaves the function as it is, and has been logged.
                let _ = state.deconfigure();
            }
        }
        Some(Availability::Deconfigured) => deconfigured(&state, event.handle()),
        Some(Availability::Reserved) => state.reserve(),
        // `Several` names no function and never gets here.
        Some(Availability::Several) | None => (),
    }
}

fn reappear(state: &StateGuard<'_>) {
    const REAPPEARED: debug::Format = debug::Format::new(c"rea fid:%x, fh:%x\n");
    let zdev = state.zdev();

    state.reappear();
    debug::message(
        1,
        &REAPPEARED,
        [zdev.id().as_raw(), zdev.handle().as_raw(), 0],
    );
}

fn configured(state: &StateGuard<'_>, handle: FunctionHandle) {
    match state.zdev().state() {
        State::Reserved => reappear(state),
        State::Standby => (),
        // The event is older than what has configured the function.
        State::Configured => return,
    }
    state.set_state(State::Configured);
    // A failure has been logged, and leaves the function disabled, to be tried again by hand.
    let _ = state.scan(handle);
}

fn deconfigured(state: &StateGuard<'_>, handle: FunctionHandle) {
    let zdev = state.zdev();

    if zdev.state() == State::Configured {
        state.update_handle(handle);
        // The driver finds the device marked as lost, and does not wait for it.
        state.remove_dead();
        // The platform has disabled the function, but what we hold for it must be freed.
        if zdev.handle().is_enabled() {
            let _ = state.disable();
        }
        state.set_state(State::Standby);
    }
    // It may have become reserved in the same moment.
    if zdev.query_state() == Ok(State::Reserved) {
        state.reserve();
    }
}
