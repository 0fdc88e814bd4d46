// SPDX-License-Identifier: GPL-2.0-only

//! Availability events: the platform configures a function, offers one (standby), asks for one back
//! (0x0303), deconfigures one (0x0304), or gives one to another system (reserved).

use super::{
    process::process as process_any,
    submit, //
};
use kernel::{
    prelude::*,
    sync::{
        new_mutex,
        Arc,
        Mutex,
        MutexGuard,
        SetOnce, //
    },
    zpci::{
        debug,
        Availability,
        Ccdf,
        Device,
        Event,
        EventQueue,
        FunctionHandle,
        State,
        StateGuard, //
    }, //
};

/// The topology lock: its holder creates and scans functions, one at a time on the whole machine.
/// Otherwise a virtual function could come before its physical function, and would never be linked
/// to the physical function.
///
/// A holder works for long, so others only try the topology lock. No holder waits for user space to
/// close a function: an owner that does not close would stop all events that need the topology
/// lock.
static TOPOLOGY: SetOnce<Arc<Mutex<()>>> = SetOnce::new();

/// The queue for events of functions without a `zpci_dev`. While such an event is queued, later
/// events of the same function are queued here, too: in the function's own queue they could
/// overtake the earlier event.
static UNKNOWN: SetOnce<Arc<EventQueue>> = SetOnce::new();

/// The maximum number of events in `UNKNOWN`. If `UNKNOWN` is full, the kernel scans the platform's
/// functions for changes instead of queueing more events.
const ROOM: usize = 128;

/// Takes the topology lock if it is free.
#[inline(never)]
fn lock_topology() -> Option<MutexGuard<'static, ()>> {
    TOPOLOGY.as_ref()?.try_lock()
}

/// Makes the topology lock and `UNKNOWN`, during boot.
pub(super) fn init() -> Result {
    TOPOLOGY.populate(Arc::pin_init(new_mutex!((), "zpci::TOPOLOGY"), GFP_KERNEL)?);
    UNKNOWN.populate(EventQueue::new(ROOM + 1, process_any)?);
    Ok(())
}

/// Processes an event of a function without a `zpci_dev`; [`None`] if the topology lock is taken.
pub(super) fn process_unknown(event: &Ccdf) -> Option<()> {
    match (event.pec().availability(), Device::by_fid(event.fid())) {
        (Some(Availability::Several), _) => {
            let topology = lock_topology()?;

            Device::find_new();
            drop(topology);
            Device::for_each(|zdev| submit(zdev, Event::Availability(*event)));
        }
        // The function has got a `zpci_dev` since this event was queued in `UNKNOWN`: move the
        // event to the function's own queue.
        (_, Some(zdev)) => submit(&zdev, Event::Availability(*event)),
        (Some(_), None) => {
            let _topology = lock_topology()?;

            create(event);
        }
        (None, None) => (),
    }
    Some(())
}

/// Queues an event of the channel report thread. Returns before the event is processed.
pub(super) fn dispatch(event: Ccdf) {
    debug::availability(&event);
    let Some(unknown) = UNKNOWN.as_ref() else {
        return;
    };
    let change = event.pec().availability();
    // Whether processing `waiting`, an event in `UNKNOWN`, may create the `zpci_dev` of the
    // function `fid`. Later events of the function `fid` must not overtake `waiting`.
    let is_before = |waiting: &Event, _, fid| {
        matches!(waiting, Event::Availability(before) if before.fid().as_raw() == fid
            || before.pec().availability() == Some(Availability::Several))
    };
    let overtakes = unknown.count(is_before, event.fid().as_raw()) != 0;

    if change != Some(Availability::Several) && !overtakes {
        if let Some(zdev) = Device::by_fid(event.fid()) {
            submit(&zdev, Event::Availability(event));
            if change == Some(Availability::Deconfigured) {
                // Mark the function as gone, so that a reset in progress stops waiting for the
                // device to answer.
                zdev.mark_as_gone();
            }
            return;
        }
    }
    let add = |event, limit| unknown.add(None, Event::Availability(event), limit);

    if add(event, ROOM).is_err() {
        // `UNKNOWN` is full: queue `SEVERAL` instead of this event. `SEVERAL` scans the platform's
        // functions, and finds the change that this event reports. Ignore the failure if `SEVERAL`
        // does not fit either: the last queued event is then a `SEVERAL`, whose scan finds this
        // change, too.
        let _ = add(Ccdf::SEVERAL, ROOM + 1);
    }
}

/// Creates the `zpci_dev` of a function that the platform has configured or offered (standby).
fn create(event: &Ccdf) {
    // Ask the platform for the function's state, which may have changed since the event was queued.
    // If the platform does not answer, use the event's state: otherwise Linux would never add the
    // function.
    let change = event.pec().availability();
    let state = State::of(event.fid()).unwrap_or(match change {
        Some(Availability::Configured | Availability::DeconfigurationRequested) => {
            State::Configured
        }
        Some(Availability::Reserved) => State::Reserved,
        _ => State::Standby,
    });

    if state == State::Reserved {
        return;
    }
    match Device::create(event.fid(), event.fh(), state) {
        Ok(None) => (),
        Ok(Some(physical)) => {
            // Queue this event of a virtual function behind the physical function's events: the
            // PCI core must get the physical function first. Ignore the failure if that queue is
            // full: the next scan of the platform's functions creates the virtual function.
            let _ = physical.submit_behind(Event::Availability(*event));
            return;
        }
        // Give up: there was no memory, or the platform did not answer. `Device::create` has logged
        // the failure.
        Err(_) => return,
    }
    // Give a function back at once if the platform asks for it; otherwise use the function if it is
    // configured.
    let next = match change {
        Some(Availability::DeconfigurationRequested) => *event,
        _ => Ccdf::SEVERAL,
    };

    if let Some(zdev) = Device::by_fid(event.fid()) {
        submit(&zdev, Event::Availability(next));
    }
}

/// Processes an event of a function that has a `zpci_dev`. Returns [`None`] if the event must be
/// tried again later: a lock is taken, or the physical function must be configured first.
pub(super) fn process(zdev: &Device, event: &Ccdf) -> Option<()> {
    match event.pec().availability() {
        Some(Availability::Configured) => process_configured(zdev, event.fh()),
        Some(Availability::Standby) => process_standby(zdev, event.fh()),
        Some(Availability::DeconfigurationRequested) => process_deconfiguration_requested(zdev),
        Some(Availability::Deconfigured) => process_deconfigured(zdev, event.fh()),
        Some(Availability::Reserved) => process_reserved(zdev, event.fh()),
        Some(Availability::Several) => process_several(zdev),
        None => Some(()),
    }
}

/// Finds a change of a function that no event has reported: compares the platform's state of the
/// function with the state in the `zpci_dev`.
fn process_several(zdev: &Device) -> Option<()> {
    let fh = zdev.fh();

    match (State::of(zdev.fid()), zdev.state()) {
        (Ok(State::Configured), _) => process_configured(zdev, fh),
        (Ok(State::Standby), State::Configured) => process_deconfigured(zdev, fh),
        (Ok(State::Standby), _) => process_standby(zdev, fh),
        (Ok(State::Reserved), _) => process_reserved(zdev, fh),
        // Change nothing: the platform has not answered, so its state of the function is unknown.
        (Err(_), _) => Some(()),
    }
}

/// Sets the handle of a function to the handle that the platform has now: the handle changes if the
/// function is enabled or deconfigured after the event. If the platform does not answer, sets `fh`,
/// the event's handle.
fn renew_fh(state: &StateGuard<'_>, fh: FunctionHandle) {
    state.update_fh(state.query_fh().unwrap_or(fh));
}

fn process_standby(zdev: &Device, fh: FunctionHandle) -> Option<()> {
    let state = zdev.try_lock_state()?;

    match zdev.state() {
        State::Reserved => state.reappear(),
        State::Standby => (),
        // Ignore the event: a scan or sysfs has configured the function already.
        State::Configured => return Some(()),
    }
    renew_fh(&state, fh);
    Some(())
}

fn process_configured(zdev: &Device, fh: FunctionHandle) -> Option<()> {
    let is_there = || zdev.state() == State::Configured && zdev.has_pdev();

    // Ignore the event if a scan or sysfs has configured the function already. Look before taking
    // the topology lock, which the events of other functions need.
    if is_there() {
        return Some(());
    }
    // Try again later if the physical function is still to come: the PCI core never links a virtual
    // function to a physical function that comes later.
    if zdev.physical_to_come().is_some() {
        return None;
    }
    let _topology = lock_topology()?;
    let state = zdev.try_lock_state()?;

    if is_there() {
        return Some(());
    }
    state.reappear();
    renew_fh(&state, fh);
    // Believe the platform if it has deconfigured the function since. The event about that may have
    // overtaken this one, and nothing would change the function's state back.
    if State::of(zdev.fid()) == Ok(State::Standby) {
        return Some(());
    }
    state.set_state(State::Configured);
    // Ignore a failed `scan`, which has logged the failure: the function stays disabled, and an
    // administrator can scan again.
    let _ = state.scan();
    Some(())
}

/// Unbinds the drivers of a function's virtual functions, then the function's own driver, and then
/// takes `state_lock`. If a driver were still bound, the PCI core would unbind it with `state_lock`
/// held, and would wait for user space.
fn unbind(zdev: &Device) -> Option<StateGuard<'_>> {
    let mut are_free = true;

    Device::for_each(|other| {
        if other.is_virtual_of(zdev) {
            are_free &= other.unbind();
        }
    });
    // Unbind before taking `state_lock`: the owner may need `state_lock` to close the function.
    if are_free && zdev.unbind() {
        zdev.try_lock_state()
    } else {
        None
    }
}

fn process_deconfiguration_requested(zdev: &Device) -> Option<()> {
    // Ignore the event: the function is not configured any more, so there is nothing to give back.
    if zdev.state() != State::Configured {
        return Some(());
    }
    let state = unbind(zdev)?;

    if zdev.state() == State::Configured {
        renew_fh(&state, zdev.fh());
        // Ignore a failed `deconfigure`, which has logged the failure: the function stays
        // configured.
        let _ = state.deconfigure();
    }
    Some(())
}

fn process_deconfigured(zdev: &Device, fh: FunctionHandle) -> Option<()> {
    if zdev.state() == State::Configured {
        // Mark the function as gone before unbinding: otherwise the driver waits for its device to
        // answer.
        zdev.mark_as_gone();
        let state = unbind(zdev)?;

        if zdev.state() == State::Configured {
            renew_fh(&state, fh);
            state.remove();
            // Try again to disable the function: the platform may have refused that in `remove`.
            if zdev.fh().is_enabled() {
                let _ = state.disable();
            }
            state.set_state(State::Standby);
        }
    }
    // Ask the platform whether the function is reserved by now: if the platform sends no event for
    // that, Linux would keep the `zpci_dev` of a function that belongs to another system.
    if State::of(zdev.fid()) == Ok(State::Reserved) {
        return reserve(zdev);
    }
    Some(())
}

fn process_reserved(zdev: &Device, fh: FunctionHandle) -> Option<()> {
    if State::of(zdev.fid()).is_ok_and(|state| state != State::Reserved) {
        // Ignore the event: a scan has found the function again since the event.
        return Some(());
    }
    match zdev.state() {
        // Deconfigure the function first: event 0x0304 (deconfigured) should have come before, and
        // is missing.
        State::Configured => process_deconfigured(zdev, fh),
        State::Standby | State::Reserved => reserve(zdev),
    }
}

/// Notes that a function belongs to another system now. Takes the topology lock, so that no other
/// thread creates a `zpci_dev` for the same function meanwhile.
fn reserve(zdev: &Device) -> Option<()> {
    let _topology = lock_topology()?;

    zdev.try_lock_state()?.reserve();
    Some(())
}
