// SPDX-License-Identifier: GPL-2.0-only

//! Availability events: functions come, go, and are asked for.

use super::submit;
use kernel::{
    prelude::*,
    static_lock_class,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        new_mutex,
        Arc,
        Mutex,
        SetOnce, //
    },
    zpci::{
        debug,
        Availability,
        AvailabilityEvent,
        Device,
        Event,
        FunctionHandle,
        Item,
        SerialQueue,
        State,
        StateGuard, //
    }, //
};

/// What makes functions known, or gives them to the PCI core, happens one after the other on the
/// whole machine: a virtual function is linked to its physical one only if that comes first. It is
/// not held while a function is taken from user space.
static TOPOLOGY: SetOnce<Arc<Topology>> = SetOnce::new();

#[pin_data]
struct Topology {
    #[pin]
    lock: Mutex<()>,
    /// Events that are about no function that is known, or that came after one of these.
    unknown: Arc<SerialQueue<Unknown>>,
    /// How many of them have not been handed on yet.
    before: Atomic<u32>,
}

impl Topology {
    fn get() -> Option<&'static Self> {
        if TOPOLOGY.as_ref().is_none() {
            let unknown = SerialQueue::new(
                c"zpci::Topology::unknown",
                static_lock_class!(),
                static_lock_class!(),
            )
            .ok()?;
            let new = Arc::pin_init(
                pin_init!(Self {
                    lock <- new_mutex!((), "zpci::Topology::lock"),
                    unknown,
                    before: Atomic::new(0),
                }),
                GFP_KERNEL,
            );

            // If somebody else was first, theirs is as good.
            TOPOLOGY.populate(new.ok()?);
        }
        TOPOLOGY.as_ref().map(|topology| &**topology)
    }
}

/// An event that is about no function that is known, or that came after one of these.
struct Unknown(AvailabilityEvent);

impl Unknown {
    fn hand_on(self) {
        match (self.0.change(), Device::by_fid(self.0.fid())) {
            (Some(Availability::Several), _) => {
                let _topology = Topology::get().map(|topology| topology.lock.lock());

                Device::rescan_all();
            }
            // An event before this one has made the function known.
            (_, Some(zdev)) => submit(&zdev, Event::Availability(self.0)),
            (Some(change), None) => create(change, &self.0),
            (None, None) => (),
        }
    }
}

impl Item for Unknown {
    fn handle(self) {
        self.hand_on();
        if let Some(topology) = Topology::get() {
            topology.before.fetch_sub(1, Release);
        }
    }
}

/// Takes an event from the channel report thread, which waits for none of what it leads to.
pub(super) fn dispatch(event: AvailabilityEvent) {
    const AVAILABILITY: debug::Format = debug::Format::new(c"avl fid:%x, fh:%x, pec:%x\n");

    debug::message(
        3,
        &AVAILABILITY,
        [
            event.fid().as_raw(),
            event.fh().as_raw(),
            event.pec().as_raw().into(),
        ],
    );
    // Without memory to let it wait it does not.
    let Some(topology) = Topology::get() else {
        return Unknown(event).hand_on();
    };

    // One that waits there may be about the same function, and make it known meanwhile.
    if event.change() != Some(Availability::Several) && topology.before.load(Acquire) == 0 {
        if let Some(zdev) = Device::by_fid(event.fid()) {
            return submit(&zdev, Event::Availability(event));
        }
    }
    topology.before.fetch_add(1, Relaxed);
    if topology
        .unknown
        .as_arc_borrow()
        .add(Unknown(event), None)
        .is_err()
    {
        topology.before.fetch_sub(1, Relaxed);
        pr_err!("An availability event is lost\n");
    }
}

/// Makes a function known that the platform has announced, and gives it to the PCI core if it is
/// configured.
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
    let _topology = Topology::get().map(|topology| topology.lock.lock());

    // A failure has been logged where it happened.
    if Device::create(event.fid(), event.fh(), state).is_err() {
        return;
    }
    let Some(zdev) = Device::by_fid(event.fid()) else {
        return;
    };
    let guard = zdev.lock_state();

    // Once it is known, others may have been here first.
    if zdev.state() == State::Configured && !zdev.fh().is_enabled() && guard.pdev().is_none() {
        // A failure has been logged, and leaves the function disabled, to be tried again by hand.
        let _ = guard.scan(event.fh());
    }
}

/// Handles an event of a function that is known.
pub(super) fn handle(zdev: &Device, event: &AvailabilityEvent) {
    match event.change() {
        Some(Availability::Configured) => configured(zdev, event.fh()),
        Some(Availability::Standby) => {
            let state = zdev.lock_state();

            match zdev.state() {
                State::Reserved => reappear(&state),
                State::Standby => (),
                // The event is older than what has configured the function.
                State::Configured => return,
            }
            state.update_fh(event.fh());
        }
        Some(Availability::DeconfigurationRequested) => {
            let state = zdev.lock_state();

            // The event may be older than the function's configuration. Its handle is not taken: it
            // may be older than a reset, and an owner that is still there would hit nothing.
            if zdev.state() == State::Configured {
                // A failure leaves the function as it is, and has been logged.
                let _ = state.deconfigure();
            }
        }
        Some(Availability::Deconfigured) => deconfigured(zdev, event.fh()),
        Some(Availability::Reserved) => reserved(zdev, event.fh()),
        // `Several` names no function and never gets here.
        Some(Availability::Several) | None => (),
    }
}

fn reappear(state: &StateGuard<'_>) {
    const REAPPEARED: debug::Format = debug::Format::new(c"rea fid:%x, fh:%x\n");
    let zdev = state.zdev();

    state.reappear();
    debug::message(1, &REAPPEARED, [zdev.fid().as_raw(), zdev.fh().as_raw(), 0]);
}

fn configured(zdev: &Device, handle: FunctionHandle) {
    let _topology = Topology::get().map(|topology| topology.lock.lock());
    let state = zdev.lock_state();

    match zdev.state() {
        State::Reserved => reappear(&state),
        State::Standby => (),
        // The event is older than what has configured the function.
        State::Configured => return,
    }
    state.set_state(State::Configured);
    // A failure has been logged, and leaves the function disabled, to be tried again by hand.
    let _ = state.scan(handle);
}

fn deconfigured(zdev: &Device, handle: FunctionHandle) {
    let state = zdev.lock_state();

    if zdev.state() == State::Configured {
        state.update_fh(handle);
        // The driver finds the device marked as lost, and does not wait for it.
        state.remove_dead();
        // The platform has disabled the function, but what we hold for it must be freed.
        if zdev.fh().is_enabled() {
            let _ = state.disable();
        }
        state.set_state(State::Standby);
    }
    drop(state);
    // It may have become reserved in the same moment.
    if zdev.query_state() == Ok(State::Reserved) {
        reserve(zdev);
    }
}

fn reserved(zdev: &Device, handle: FunctionHandle) {
    if zdev.state() != State::Configured {
        reserve(zdev);
    } else if zdev.query_state() == Ok(State::Reserved) {
        // The event that it is not ours anymore was lost.
        deconfigured(zdev, handle);
    }
    // Otherwise the event is about the function as it was before a scan found it anew.
}

/// Notes that a function belongs to somebody else now. A scan of all functions may come to the
/// same conclusion, but not at the same time.
fn reserve(zdev: &Device) {
    let _topology = Topology::get().map(|topology| topology.lock.lock());

    zdev.lock_state().reserve();
}
