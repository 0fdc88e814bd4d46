// SPDX-License-Identifier: GPL-2.0-only

//! What is kept of a function that has had an event, or that user space has opened.

use super::{
    queue::{
        Recovery,
        Taken, //
    },
    session::Session,
    AvailabilityEvent,
    Device,
    ErrorEvent,
    FunctionHandle,
    Leftover,
    Record,
    Report,
    Severity, //
};
use crate::{
    bindings,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        new_mutex,
        new_spinlock,
        Arc,
        ArcBorrow,
        Mutex,
        SpinLock, //
    },
    time::{
        Instant,
        Monotonic, //
    },
    workqueue::{
        self,
        impl_has_delayed_work,
        impl_has_work,
        new_delayed_work,
        new_work,
        DelayedWork,
        Work,
        WorkItem, //
    }, //
};

/// Something that has happened to a function and must be handled in order.
#[derive(Clone, Copy)]
pub enum Event {
    /// The platform has reported an error.
    Error(ErrorEvent),
    /// The platform has reported a change of availability.
    Availability(AvailabilityEvent),
    /// A function has been made known, and can be given to the PCI core.
    Scan(FunctionHandle),
}

impl Event {
    /// Whether one more of it says nothing that must not be missed.
    fn may_be_lost(&self) -> bool {
        match self {
            Self::Error(error) => error.code().severity() != Severity::Permanent,
            Self::Availability(_) | Self::Scan(_) => false,
        }
    }
}

/// Handles an event. The last argument says whether the function was reset after the event was
/// submitted.
pub type Handler = fn(&Device, ArcBorrow<'_, Function>, Event, bool);

struct Entry {
    zdev: ARef<Device>,
    event: Event,
    handler: Handler,
    resets: u32,
}

/// The workqueue for work that may take long and is not bound to a CPU.
fn queue() -> &'static workqueue::Queue {
    // SAFETY: The queue is made early during boot, before there are functions, and stays.
    unsafe { workqueue::Queue::from_raw(bindings::system_dfl_wq) }
}

const HANDLE: u64 = 0;
const REPORT: u64 = 1;

/// What is kept of a function that has had an event, or that user space has opened.
///
/// Events are handled one after the other, in the order of their submission, by a work item of
/// the function's own: whatever holds one function up holds up nobody else.
#[pin_data]
pub struct Function {
    #[pin]
    session: SpinLock<Option<KBox<Session>>>,
    #[pin]
    backlog: Mutex<KVec<Entry>>,
    /// Held while events are handled.
    #[pin]
    handling: Mutex<()>,
    /// Events submitted and not handled yet.
    unhandled: Atomic<u32>,
    resets: Atomic<u32>,
    #[pin]
    reports: Mutex<KVec<Report>>,
    #[pin]
    handle_work: Work<Function, HANDLE>,
    #[pin]
    report_work: DelayedWork<Function, REPORT>,
}

impl_has_work! {
    impl HasWork<Self, HANDLE> for Function { self.handle_work }
}

impl_has_delayed_work! {
    impl HasDelayedWork<Self, REPORT> for Function { self.report_work }
}

impl WorkItem<HANDLE> for Function {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let _handling = this.handling.lock();

        this.as_arc_borrow().handle_backlog();
    }
}

impl WorkItem<REPORT> for Function {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.send_reports();
    }
}

impl Function {
    /// How many events that may be lost can wait to be handled.
    const BACKLOG: usize = 64;

    pub(super) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                session <- new_spinlock!(None, "zpci::Function::session"),
                backlog <- new_mutex!(KVec::new(), "zpci::Function::backlog"),
                handling <- new_mutex!((), "zpci::Function::handling"),
                unhandled: Atomic::new(0),
                resets: Atomic::new(0),
                reports <- new_mutex!(KVec::new(), "zpci::Function::reports"),
                handle_work <- new_work!("zpci::Function::handle_work"),
                report_work <- new_delayed_work!("zpci::Function::report_work"),
            }),
            GFP_KERNEL,
        )
    }

    /// Submits an event to be handled by `handler`, in a work item. May sleep, for memory only.
    pub fn submit(self: ArcBorrow<'_, Self>, zdev: &Device, event: Event, handler: Handler) {
        let entry = Entry {
            zdev: zdev.into(),
            event,
            handler,
            resets: self.resets.load(Acquire),
        };

        self.unhandled.fetch_add(1, Relaxed);
        match self.enqueue(entry) {
            Ok(()) => {
                // An item that is queued already will find the entry.
                let _ = queue().enqueue::<_, HANDLE>(Arc::from(self));
            }
            Err(entry) if entry.event.may_be_lost() => {
                self.with_session(Session::lose);
                self.unhandled.fetch_sub(1, Release);
            }
            Err(entry) => {
                // There is no memory to let it wait, so it is handled here, after those before.
                let _handling = self.handling.lock();

                self.handle_backlog();
                self.handle(entry);
            }
        }
    }

    /// Adds an entry to the backlog, or returns it.
    fn enqueue(&self, entry: Entry) -> Result<(), Entry> {
        let mut backlog = self.backlog.lock();

        if backlog.len() >= Self::BACKLOG && entry.event.may_be_lost() {
            return Err(entry);
        }
        if backlog.reserve(1, GFP_KERNEL).is_err() {
            return Err(entry);
        }
        backlog.push_within_capacity(entry).map_err(|error| error.0)
    }

    /// Handles all events of the backlog. `handling` is held.
    fn handle_backlog(self: ArcBorrow<'_, Self>) {
        loop {
            let entries = core::mem::take(&mut *self.backlog.lock());

            if entries.is_empty() {
                return;
            }
            for entry in entries {
                self.handle(entry);
            }
        }
    }

    fn handle(self: ArcBorrow<'_, Self>, entry: Entry) {
        let stale = entry.resets != self.resets.load(Acquire);

        (entry.handler)(&entry.zdev, self, entry.event, stale);
        self.unhandled.fetch_sub(1, Release);
    }

    /// Whether there are events that have not been handled yet.
    pub fn is_busy(&self) -> bool {
        self.unhandled.load(Acquire) != 0
    }

    /// Begins a session: user space has opened the function. `guest` says whether KVM has it.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], or [`EBUSY`] if there is a session already.
    pub fn open(&self, guest: bool) -> Result {
        let new = KBox::new(Session::new(guest), GFP_KERNEL)?;
        let mut session = self.session.lock();

        if session.is_some() {
            // The lock is let go before memory is.
            drop(session);
            return Err(EBUSY);
        }
        *session = Some(new);
        Ok(())
    }

    /// Ends a session, and says what its owner has left behind.
    pub fn close(&self) -> Option<Leftover> {
        let session = self.session.lock().take();

        session.map(|session| session.leftover())
    }

    fn with_session<R>(&self, f: impl FnOnce(&mut Session) -> R) -> Option<R> {
        match &mut *self.session.lock() {
            Some(session) => Some(f(session)),
            None => None,
        }
    }

    /// Captures an event for the owner, and decides who recovers from it; [`None`] if user space
    /// does not have the function.
    ///
    /// The caller holds both locks of the function, which makes the decision final.
    pub fn capture(&self, event: ErrorEvent) -> Option<Recovery> {
        let now = Self::now();

        self.with_session(|session| session.capture(event, now))
    }

    /// Captures an event that the function had before its last reset.
    pub fn capture_stale(&self, event: ErrorEvent) {
        let now = Self::now();

        self.with_session(|session| session.capture_stale(event, now));
    }

    fn now() -> u64 {
        // CAST: The monotonic clock starts at zero and never gets near the sign bit.
        Instant::<Monotonic>::now().as_nanos() as u64
    }

    /// Hands out the oldest event to one reader; [`None`] if there is none.
    pub fn take(&self) -> Option<Delivery<'_>> {
        let taken = self.with_session(Session::take)??;

        Some(Delivery {
            function: self,
            taken,
        })
    }

    /// Returns the record of the event taken last.
    pub fn last_record(&self) -> Record {
        self.with_session(Session::last)
            .unwrap_or_else(|| Record::empty(0))
    }

    /// Returns the record that says that nothing is pending.
    pub fn no_record(&self) -> Record {
        self.with_session(|session| session.nothing())
            .unwrap_or_else(|| Record::empty(0))
    }

    /// Notes that the owner has registered the error eventfd, or has taken it back. Returns
    /// whether it must be signalled at once, because events wait already.
    pub fn set_eventfd(&self, registered: bool) -> bool {
        self.with_session(|session| session.set_eventfd(registered))
            .unwrap_or(false)
    }

    /// Notes that the function has been reset: events from before are stale.
    pub fn note_reset(&self) {
        self.resets.fetch_add(1, Release);
        self.with_session(Session::reset);
    }

    /// Sends a report, a little later: what has been told already goes first.
    pub fn report(self: ArcBorrow<'_, Self>, report: Report) {
        let mut reports = self.reports.lock();

        if reports.reserve(1, GFP_KERNEL).is_err() {
            drop(reports);
            // No memory to let it wait. Those before it go first.
            self.send_reports();
            report.send_local();
            report.send_platform();
            return;
        }
        // There is room, as just reserved.
        let _ = reports.push_within_capacity(report);
        drop(reports);
        let _ = queue().enqueue_delayed::<_, REPORT>(Arc::from(self), 1);
    }

    fn send_reports(&self) {
        let reports = core::mem::take(&mut *self.reports.lock());

        for report in &reports {
            report.send_local();
        }
        // Each has the whole debug log in it, so that the newest one says all.
        if let Some(newest) = reports.iter().rev().find(|r| r.is_for_platform()) {
            newest.send_platform();
        }
    }
}

/// An event on its way to one reader. Unless it is said to have arrived, the next reader gets it.
#[must_use = "the event goes back into the queue when this is dropped"]
pub struct Delivery<'a> {
    function: &'a Function,
    taken: Taken,
}

impl Delivery<'_> {
    /// Returns the event.
    pub fn event(&self) -> &ErrorEvent {
        &self.taken.pending.event
    }

    /// Returns the event as a record.
    pub fn record(&self) -> Record {
        Record::of(&self.taken)
    }

    /// Says that the event has arrived.
    pub fn arrived(self) {
        self.function
            .with_session(|session| session.delivered(&self.taken));
        // It is not to go back.
        core::mem::forget(self);
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        self.function
            .with_session(|session| session.give_back(&self.taken));
    }
}
