// SPDX-License-Identifier: GPL-2.0-only

//! Availability events: the platform gives a function, takes it away, or an operator asks for it.

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

/// The lock for making functions known, one function at a time on the whole machine. Otherwise a
/// virtual function could come before its physical function, and would never be linked to it.
///
/// Holders work for long, so the lock is only tried. It is not held while user space must let go of
/// a function: that could block all functions of the machine.
static TOPOLOGY: SetOnce<Arc<Mutex<()>>> = SetOnce::new();

/// Events of functions without a `zpci_dev`. Later events of the same functions wait here, too: in
/// another queue they could overtake.
static UNKNOWN: SetOnce<Arc<EventQueue>> = SetOnce::new();

/// How many of these events can wait. If more come, the kernel looks at all functions instead.
const ROOM: usize = 128;

/// Takes the lock of the topology if it is free.
#[inline(never)]
fn lock_topology() -> Option<MutexGuard<'static, ()>> {
    TOPOLOGY.as_ref()?.try_lock()
}

/// Makes the lock and the queue, during boot.
pub(super) fn init() -> Result {
    TOPOLOGY.populate(Arc::pin_init(new_mutex!((), "zpci::TOPOLOGY"), GFP_KERNEL)?);
    UNKNOWN.populate(EventQueue::new(ROOM + 1, process_any)?);
    Ok(())
}

/// Processes an event of a function without a `zpci_dev`; [`None`] if a lock is taken.
pub(super) fn process_unknown(event: &Ccdf) -> Option<()> {
    match (event.pec().availability(), Device::by_fid(event.fid())) {
        (Some(Availability::Several), _) => {
            let topology = lock_topology()?;

            Device::find_new();
            drop(topology);
            Device::for_each(|zdev| submit(zdev, Event::Availability(*event)));
        }
        // An earlier event has made the function known meanwhile.
        (_, Some(zdev)) => submit(&zdev, Event::Availability(*event)),
        (Some(Availability::Configured | Availability::Standby), None) => {
            let _topology = lock_topology()?;

            create(event);
        }
        // The event takes or asks for a function that Linux does not have.
        (_, None) => (),
    }
    Some(())
}

/// Takes an event from the channel report thread, and returns before the event is processed.
pub(super) fn dispatch(event: Ccdf) {
    debug::availability(&event);
    let Some(unknown) = UNKNOWN.as_ref() else {
        return;
    };
    let change = event.pec().availability();
    // An event in this queue may be about the same function, and may make that function known.
    let is_before = |waiting: &Event, _, fid| {
        matches!(waiting, Event::Availability(before) if before.fid().as_raw() == fid
            || before.pec().availability() == Some(Availability::Several))
    };
    let overtakes = unknown.count(is_before, event.fid().as_raw()) != 0;

    if change != Some(Availability::Several) && !overtakes {
        if let Some(zdev) = Device::by_fid(event.fid()) {
            submit(&zdev, Event::Availability(event));
            if change == Some(Availability::Deconfigured) {
                // A reset that waits for the function's device gives up at once.
                zdev.mark_as_gone();
            }
            return;
        }
    }
    let add = |event, limit| unknown.add(None, Event::Availability(event), limit);

    if add(event, ROOM).is_err() {
        // The queue is full: a look at all functions finds the change that this event reports. If
        // that does not fit either, an earlier request for such a look is waiting.
        let _ = add(Ccdf::SEVERAL, ROOM + 1);
    }
}

/// Makes a function known that the platform has given or offered.
fn create(event: &Ccdf) {
    // Ask for the state: the event may have waited while later ones overtook it. Without an answer
    // the event is believed: it would be lost otherwise.
    let state = State::of(event.fid()).unwrap_or(match event.pec().availability() {
        Some(Availability::Configured) => State::Configured,
        _ => State::Standby,
    });

    if state == State::Reserved {
        return;
    }
    match Device::create(event.fid(), event.fh(), state) {
        Ok(None) => (),
        Ok(Some(physical)) => {
            // The physical function's queue may be full: the next scan then finds the virtual
            // function.
            let _ = physical.submit_behind(Event::Availability(*event));
            return;
        }
        // Without memory, or without an answer of the platform, which `Device::create` has logged.
        Err(_) => return,
    }
    if let Some(zdev) = Device::by_fid(event.fid()) {
        submit(&zdev, Event::Availability(Ccdf::SEVERAL));
    }
}

/// Processes an event of a function that has a `zpci_dev`; [`None`] if a lock is taken.
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
/// function with that in the `zpci_dev`.
fn process_several(zdev: &Device) -> Option<()> {
    let fh = zdev.fh();

    match (State::of(zdev.fid()), zdev.state()) {
        (Ok(State::Configured), _) => process_configured(zdev, fh),
        (Ok(State::Standby), State::Configured) => process_deconfigured(zdev, fh),
        (Ok(State::Standby), _) => process_standby(zdev, fh),
        (Ok(State::Reserved), _) => process_reserved(zdev, fh),
        // The query has failed. Without the platform's state there is no change to find.
        (Err(_), _) => Some(()),
    }
}

/// Sets the handle of a function to the platform's present one: since the event the function may
/// have been enabled or given back. Without an answer of the platform the event's handle has to do.
fn renew_fh(state: &StateGuard<'_>, fh: FunctionHandle) {
    state.update_fh(state.query_fh().unwrap_or(fh));
}

fn process_standby(zdev: &Device, fh: FunctionHandle) -> Option<()> {
    let state = zdev.try_lock_state()?;

    match zdev.state() {
        State::Reserved => state.reappear(),
        State::Standby => (),
        // A scan or sysfs has configured the function since the event.
        State::Configured => return Some(()),
    }
    renew_fh(&state, fh);
    Some(())
}

fn process_configured(zdev: &Device, fh: FunctionHandle) -> Option<()> {
    let is_there = || zdev.state() == State::Configured && zdev.has_pdev();

    // A scan or sysfs has configured the function since the event. The lock of the topology must
    // not be held any longer: other functions wait for it.
    if is_there() {
        return Some(());
    }
    // Wait for the physical function: the PCI core would never link a virtual function to a
    // physical one that comes later.
    if zdev.physical_to_come().is_some() {
        return None;
    }
    let _topology = lock_topology()?;
    let state = zdev.try_lock_state()?;

    if is_there() {
        return Some(());
    }
    state.reappear();
    state.set_state(State::Configured);
    renew_fh(&state, fh);
    // `scan` has logged a failure. The function stays disabled; an administrator can scan again.
    let _ = state.scan();
    Some(())
}

/// Takes the drivers from a function, from its virtual functions first, and then takes
/// `state_lock`. The PCI core would remove the virtual functions together with the physical one,
/// and would wait for user space with locks held.
fn unbind(zdev: &Device) -> Option<StateGuard<'_>> {
    let mut are_free = true;

    Device::for_each(|other| {
        if other.is_virtual_of(zdev) {
            are_free &= other.unbind();
        }
    });
    // The owner may need the function's lock before it can let go, so wait without the lock.
    if are_free && zdev.unbind() {
        zdev.try_lock_state()
    } else {
        None
    }
}

fn process_deconfiguration_requested(zdev: &Device) -> Option<()> {
    // There is nothing to give back: the function is not configured any more.
    if zdev.state() != State::Configured {
        return Some(());
    }
    let state = unbind(zdev)?;

    if zdev.state() == State::Configured {
        renew_fh(&state, zdev.fh());
        // `deconfigure` has logged a failure. The function stays configured.
        let _ = state.deconfigure();
    }
    Some(())
}

fn process_deconfigured(zdev: &Device, fh: FunctionHandle) -> Option<()> {
    if zdev.state() == State::Configured {
        // Mark the device as failed first: otherwise the driver waits for answers of the device.
        zdev.mark_as_gone();
        let state = unbind(zdev)?;

        if zdev.state() == State::Configured {
            renew_fh(&state, fh);
            state.remove();
            // `remove` disables no virtual function, and the platform may have refused to disable.
            if zdev.fh().is_enabled() {
                let _ = state.disable();
            }
            state.set_state(State::Standby);
        }
    }
    // The function may have become reserved meanwhile, without an event of its own.
    if State::of(zdev.fid()) == Ok(State::Reserved) {
        return reserve(zdev);
    }
    Some(())
}

fn process_reserved(zdev: &Device, fh: FunctionHandle) -> Option<()> {
    if State::of(zdev.fid()).is_ok_and(|state| state != State::Reserved) {
        // The function is not reserved any more: a scan has found it since the event.
        return Some(());
    }
    match zdev.state() {
        // The event that should have said that the function was taken away is missing.
        State::Configured => process_deconfigured(zdev, fh),
        State::Standby | State::Reserved => reserve(zdev),
    }
}

/// Notes that a function belongs to another system now. Holds the lock of the topology: code that
/// makes functions known must not find this function half reserved.
fn reserve(zdev: &Device) -> Option<()> {
    let _topology = lock_topology()?;

    zdev.try_lock_state()?.reserve();
    Some(())
}
