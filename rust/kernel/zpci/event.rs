// SPDX-License-Identifier: GPL-2.0-only

//! Events that wait for their turn.
//!
//! The channel report thread serves the whole machine, so it only finds the function of an event
//! and [submits](Device::submit) the event to it. The event is processed in a work item of that
//! function's queue. If a function's lock is held for a minute, this delays only the events of that
//! function.
//!
//! # Examples
//!
//! Events of functions without a `zpci_dev` wait in a queue of their own:
//!
//! ```
//! use kernel::zpci::{Ccdf, Device, Event, EventQueue};
//!
//! fn process(zdev: Option<&Device>, event: &Event, _generation: u32) -> Option<()> {
//!     match (zdev, event) {
//!         (None, Event::Availability(_)) => Some(()),
//!         _ => None,
//!     }
//! }
//!
//! let queue = EventQueue::new(2, process)?;
//!
//! assert!(queue.add(None, Event::Availability(Ccdf::SEVERAL), 1).is_ok());
//! # Ok::<(), Error>(())
//! ```

use super::{
    Availability,
    Ccdf,
    Device,
    Severity, //
};
use crate::{
    bindings,
    prelude::*,
    sync::{
        aref::ARef,
        new_spinlock,
        Arc,
        SpinLock, //
    },
    time::{
        msecs_to_jiffies,
        Jiffies, //
    },
    workqueue::{
        self,
        impl_has_delayed_work,
        new_delayed_work,
        DelayedWork,
        WorkItem, //
    }, //
};

/// The workqueue on which events are processed. It has no rescuer (`WQ_MEM_RECLAIM`): the work
/// items recover and remove drivers, and these flush workqueues without a rescuer.
fn workqueue() -> &'static workqueue::Queue {
    // SAFETY: The workqueue is made early during boot, before the first function, and is never
    // freed.
    unsafe { workqueue::Queue::from_raw(bindings::zpci_workqueue()) }
}

/// Something that has happened to a function and must be processed in order.
#[derive(Clone, Copy)]
pub enum Event {
    /// The platform has reported an error.
    Error(Ccdf),
    /// The platform has reported a change of availability.
    Availability(Ccdf),
    /// An owner has closed the function in error.
    Abandoned,
    /// Reports about the function wait to be sent.
    Reports,
}

impl Event {
    /// The most events of a function that can wait.
    pub(super) const ROOM: usize = 48;

    /// The number of waiting events from which on this one is dropped. A storm of errors leaves
    /// room for a permanent failure, and both leave room for the function's removal.
    fn limit(&self) -> usize {
        match self {
            Self::Error(error) if error.pec().severity() != Severity::Permanent => 32,
            Self::Error(_) => 40,
            _ if self.is_end() => Self::ROOM,
            _ => Self::ROOM - 1,
        }
    }

    /// The clock ticks until the event is processed: an owner that has just been signalled can run
    /// before reports are sent.
    fn delay(&self) -> Jiffies {
        Jiffies::from(matches!(self, Self::Reports))
    }

    /// Whether the event is an error of the function.
    pub(super) fn is_error(&self) -> bool {
        matches!(self, Self::Error(error) if error.pec().severity() != Severity::Measurement)
    }

    /// Whether the event says that the platform has taken the function away.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, Self::Availability(event)
            if event.pec().availability() == Some(Availability::Deconfigured))
    }
}

/// Processes one event: of a function, in the `generation` that the function had when the event was
/// submitted, or of a function without a `zpci_dev`. May sleep, but must not wait for a lock that
/// user space can keep held: then it returns [`None`], and the event is tried again before all
/// later ones.
pub type Handler = fn(zdev: Option<&Device>, event: &Event, generation: u32) -> Option<()>;

/// An event in a queue, with the generation at its submission.
#[derive(Clone)]
struct Submitted {
    zdev: Option<ARef<Device>>,
    event: Event,
    generation: u32,
}

/// A queue that processes its events one after the other, in the order in which they were added.
///
/// The queue's memory is allocated with the queue, so adding an event never waits.
#[pin_data]
pub struct EventQueue {
    /// The first event stays in the queue while it is processed.
    #[pin]
    events: SpinLock<KVec<Submitted>>,
    #[pin]
    work: DelayedWork<EventQueue>,
    handler: Handler,
}

impl_has_delayed_work! {
    impl HasDelayedWork<Self> for EventQueue { self.work }
}

impl WorkItem for EventQueue {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        while let Some(first) = this.first() {
            let Submitted {
                zdev,
                event,
                generation,
            } = &first;

            if (this.handler)(zdev.as_deref(), event, *generation).is_none() {
                return this.schedule(Some(msecs_to_jiffies(Self::PAUSE)));
            }
            // Unlock before the event is dropped: it may hold the last reference to its function.
            let done = this.events.lock().remove(0);

            drop(done);
        }
        this.schedule(None);
    }
}

impl EventQueue {
    /// Milliseconds until an event is tried again whose lock was held.
    const PAUSE: u32 = 10;

    /// Makes an empty queue for at most `room` events.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    #[inline(never)]
    pub fn new(room: usize, handler: Handler) -> Result<Arc<Self>> {
        let events = KVec::with_capacity(room, GFP_KERNEL)?;

        Arc::pin_init(
            pin_init!(Self {
                events <- new_spinlock!(events, "zpci::EventQueue::events"),
                work <- new_delayed_work!("zpci::EventQueue::work"),
                handler,
            }),
            GFP_KERNEL,
        )
    }

    fn first(&self) -> Option<Submitted> {
        self.events.lock().first().cloned()
    }

    /// Lets the queue's events be processed after the delay, also those that are added meanwhile.
    /// Without a delay only drops this reference.
    // Out of line: the end of the last reference takes more room than a call.
    #[inline(never)]
    fn schedule(self: Arc<Self>, delay: Option<Jiffies>) {
        drop(match delay {
            Some(delay) => workqueue().enqueue_delayed(self, delay).err(),
            None => Some(self),
        });
    }

    /// How many events of a kind are waiting or being processed. The function that tells is given
    /// the event, its generation, and `with`.
    // Not inlined, like the others here: each has several callers, and none has to be fast. Takes a
    // plain function: the compiler generates a closure with captured values three times.
    #[inline(never)]
    pub fn count(&self, is_of_kind: fn(&Event, u32, u32) -> bool, with: u32) -> usize {
        self.events
            .lock()
            .iter()
            .filter(|submitted| is_of_kind(&submitted.event, submitted.generation, with))
            .count()
    }

    /// Adds an event if fewer than `limit` wait. Never waits, and allocates nothing.
    ///
    /// # Errors
    ///
    /// [`EAGAIN`] if there is no room.
    #[inline(never)]
    pub fn add(self: &Arc<Self>, zdev: Option<&Device>, event: Event, limit: usize) -> Result {
        let submitted = Submitted {
            zdev: zdev.map(ARef::from),
            event,
            generation: zdev.map_or(0, Device::generation),
        };
        let mut events = self.events.lock();

        if events.len() >= limit {
            return Err(EAGAIN);
        }
        events.push_within_capacity(submitted).map_err(|_| EAGAIN)?;
        drop(events);
        // If the work item is queued already, also for another try of the first event, it will find
        // this event.
        self.clone().schedule(Some(event.delay()));
        Ok(())
    }
}

impl Device {
    /// Submits an event, to be processed in its turn. Never waits, and allocates nothing.
    ///
    /// # Errors
    ///
    /// [`EAGAIN`] if there is no room: the event is dropped. The session of the function's owner
    /// counts an error.
    pub fn submit(&self, event: Event) -> Result {
        let recovery = self.recovery();

        recovery
            .events
            .add(Some(self), event, event.limit())
            .inspect_err(|_| {
                if event.is_error() {
                    recovery.drop_event(self.fid());
                }
            })
    }

    /// Queues an event of a function without a `zpci_dev` behind the events of this function.
    ///
    /// # Errors
    ///
    /// [`EAGAIN`] if there is no room.
    pub fn submit_behind(&self, event: Event) -> Result {
        self.recovery().events.add(None, event, event.limit())
    }
}
