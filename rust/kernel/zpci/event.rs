// SPDX-License-Identifier: GPL-2.0-only

//! The queues of events that have not been processed yet.
//!
//! The channel report thread serves the whole machine, so it only finds the function of an event
//! and [submits](Device::submit) the event to that function's queue. A work item of the queue
//! processes the event. If a lock of one function is held for a minute, only that function's events
//! are late.
//!
//! # Examples
//!
//! Make a queue for events of functions without a `zpci_dev`, and add an event.
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

/// The workqueue on which events are processed. The workqueue has no rescuer (`WQ_MEM_RECLAIM`):
/// the work items recover and remove drivers, and drivers flush workqueues without a rescuer, which
/// a work item of a workqueue with a rescuer must not do.
fn workqueue() -> &'static workqueue::Queue {
    // SAFETY: The workqueue is made early during boot, before the first function, and is never
    // freed.
    unsafe { workqueue::Queue::from_raw(bindings::zpci_workqueue()) }
}

/// Something that has happened to a function. A function's events are processed in their order.
#[derive(Clone, Copy)]
pub enum Event {
    /// The platform has reported an error.
    Error(Ccdf),
    /// The platform has reported a change of availability.
    Availability(Ccdf),
    /// An owner has closed the function while the function was in error.
    Abandoned,
    /// Reports about a recovery of the function are queued. Processing this event sends them.
    Reports,
}

impl Event {
    /// The maximum number of queued events of one function.
    pub(super) const ROOM: usize = 48;

    /// The length of the queue at which this event is dropped. A storm of errors leaves room for a
    /// permanent failure, and both leave room for the event which says that the platform has
    /// deconfigured the function (0x0304).
    fn limit(&self) -> usize {
        match self {
            Self::Error(error) if error.pec().severity() != Severity::Permanent => 32,
            Self::Error(_) => 40,
            _ if self.is_end() => Self::ROOM,
            _ => Self::ROOM - 1,
        }
    }

    /// The pause between queueing and processing the event, in clock ticks. [`Event::Reports`] is
    /// processed one tick later: sending reports takes long, and an owner that has just been
    /// signalled is to run first.
    fn delay(&self) -> Jiffies {
        Jiffies::from(matches!(self, Self::Reports))
    }

    /// Whether the event is an error of the function. An error of the function measurement does not
    /// count.
    pub(super) fn is_error(&self) -> bool {
        matches!(self, Self::Error(error) if error.pec().severity() != Severity::Measurement)
    }

    /// Whether the event says that the platform has deconfigured the function (0x0304).
    pub(super) fn is_end(&self) -> bool {
        matches!(self, Self::Availability(event)
            if event.pec().availability() == Some(Availability::Deconfigured))
    }
}

/// Processes one event of a function, or of a function without a `zpci_dev`. `generation` is the
/// function's generation when the event was submitted. May sleep, but does not wait for a lock that
/// user space can keep held. If another thread holds such a lock, returns [`None`]: the queue then
/// tries this event again, before all later events.
pub type Handler = fn(zdev: Option<&Device>, event: &Event, generation: u32) -> Option<()>;

/// An event in a queue, with its function, and the function's generation at the submission.
#[derive(Clone)]
struct Submitted {
    zdev: Option<ARef<Device>>,
    event: Event,
    generation: u32,
}

/// A queue that processes its events one after the other, in the order in which they were added.
///
/// The queue's memory is allocated with the queue, so adding an event never allocates.
#[pin_data]
pub struct EventQueue {
    /// The queued events. The first event stays here while it is processed.
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
            // Unlock `events` before the removed event is freed: the event may hold the last
            // reference to its function. Releasing that reference may sleep, which is not allowed
            // with the spinlock of `events` held.
            let done = this.events.lock().remove(0);

            drop(done);
        }
        this.schedule(None);
    }
}

impl EventQueue {
    /// The pause, in milliseconds, before an event is tried again because another thread held a
    /// lock.
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

    /// Queues the work item, to run after `delay`. The work item processes all events that are in
    /// the queue by then. If `delay` is [`None`], queues nothing and only releases this reference
    /// to the queue.
    // Not inlined: the code that releases the last reference is larger than a call.
    #[inline(never)]
    fn schedule(self: Arc<Self>, delay: Option<Jiffies>) {
        drop(match delay {
            Some(delay) => workqueue().enqueue_delayed(self, delay).err(),
            None => Some(self),
        });
    }

    /// Counts the queued events of a kind; the event that is being processed counts, too.
    /// `is_of_kind` gets the event, the event's generation, and `with`: a number of the caller's
    /// choice, such as a generation to compare with.
    // Not inlined, like `add`: there are several callers, and none has to be fast. `is_of_kind` is
    // a function pointer, because closures that capture values would make the compiler generate
    // three copies of `count`.
    #[inline(never)]
    pub fn count(&self, is_of_kind: fn(&Event, u32, u32) -> bool, with: u32) -> usize {
        self.events
            .lock()
            .iter()
            .filter(|submitted| is_of_kind(&submitted.event, submitted.generation, with))
            .count()
    }

    /// Adds an event if fewer than `limit` events are queued. Never waits, and allocates nothing.
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
        // Queue the work item without looking whether it is queued already, perhaps for another try
        // of the first event: a work item is never queued twice, and processes all events.
        self.clone().schedule(Some(event.delay()));
        Ok(())
    }
}

impl Device {
    /// Queues an event of the function. Never waits, and allocates nothing.
    ///
    /// # Errors
    ///
    /// [`EAGAIN`] if there is no room: the event is dropped. The session of the function's owner
    /// counts the event if it is an error.
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

    /// Queues an event of another function, one without a `zpci_dev`, in the queue of this
    /// function: this function's events that are queued already must be processed first.
    ///
    /// # Errors
    ///
    /// [`EAGAIN`] if there is no room.
    pub fn submit_behind(&self, event: Event) -> Result {
        self.recovery().events.add(None, event, event.limit())
    }
}
