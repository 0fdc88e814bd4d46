// SPDX-License-Identifier: GPL-2.0-only

//! What is kept of a function that has had an event, or that user space has opened.

use super::{
    queue::{
        Pending,
        Recovery,
        Taken, //
    },
    serial::{
        self,
        Item,
        SerialQueue, //
    },
    session::{
        Overview,
        Session, //
    },
    status::StatusPage,
    trace,
    AvailabilityEvent,
    Device,
    DeviceGuard,
    ErrorEvent,
    ErsResult,
    Leftover,
    Record,
    Report,
    Severity, //
};
use crate::{
    mm::virt::VmaNew,
    page::PAGE_SIZE,
    prelude::*,
    static_lock_class,
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
        impl_has_delayed_work,
        new_delayed_work,
        DelayedWork,
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
    /// An owner has left the function in error.
    Abandoned,
}

impl Event {
    /// Whether one more of it says nothing that must not be missed.
    fn may_be_lost(&self) -> bool {
        match self {
            Self::Error(error) => error.pec().severity() != Severity::Permanent,
            Self::Availability(_) | Self::Abandoned => false,
        }
    }

    /// Whether the function may be in error because of it.
    fn concerns_reset(&self) -> bool {
        match self {
            Self::Error(error) => error.pec().severity() != Severity::Measurement,
            Self::Abandoned => true,
            Self::Availability(_) => false,
        }
    }
}

/// When an event was submitted, counted in sessions and in resets of its function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Age {
    opened: u32,
    resets: u32,
}

/// Handles an event of a function.
pub type Handler = fn(&Device, ArcBorrow<'_, Function>, Event, Age);

struct Entry {
    zdev: ARef<Device>,
    function: Arc<Function>,
    event: Event,
    handler: Handler,
    age: Age,
}

impl Item for Entry {
    fn handle(self) {
        (self.handler)(
            &self.zdev,
            self.function.as_arc_borrow(),
            self.event,
            self.age,
        );
        if self.event.concerns_reset() {
            self.function.unhandled.fetch_sub(1, Release);
        }
    }
}

/// A function that user space has open.
struct Open {
    session: Session,
    /// There once user space has mapped it.
    status: Option<Arc<StatusPage>>,
}

/// What is kept of a function that has had an event, or that user space has opened.
///
/// Events are handled one after the other, in the order of their submission.
#[pin_data]
pub struct Function {
    #[pin]
    session: SpinLock<Option<KBox<Open>>>,
    /// Events that have reached their readers since the session was told of such the last time.
    arrived: Atomic<u32>,
    events: Arc<SerialQueue<Entry>>,
    /// Events submitted and not handled yet that may mean that the function is in error.
    pub(super) unhandled: Atomic<u32>,
    pub(super) opened: Atomic<u32>,
    pub(super) resets: Atomic<u32>,
    pub(super) ignored: Atomic<u32>,
    #[pin]
    reports: Mutex<KVec<Report>>,
    #[pin]
    report_work: DelayedWork<Function>,
}

impl_has_delayed_work! {
    impl HasDelayedWork<Self> for Function { self.report_work }
}

impl WorkItem for Function {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.send_reports();
    }
}

impl Function {
    /// How many events that may be lost can wait to be handled.
    const BACKLOG: usize = 64;

    /// How many reports can wait to be sent.
    const REPORTS: usize = 64;

    pub(super) fn new() -> Result<Arc<Self>> {
        let events = SerialQueue::new(
            c"zpci::Function::events",
            static_lock_class!(),
            static_lock_class!(),
        )?;

        Arc::pin_init(
            pin_init!(Self {
                session <- new_spinlock!(None, "zpci::Function::session"),
                arrived: Atomic::new(0),
                events,
                unhandled: Atomic::new(0),
                opened: Atomic::new(0),
                resets: Atomic::new(0),
                ignored: Atomic::new(0),
                reports <- new_mutex!(KVec::new(), "zpci::Function::reports"),
                report_work <- new_delayed_work!("zpci::Function::report_work"),
            }),
            GFP_KERNEL,
        )
    }

    /// Submits an event to be handled by `handler`, in its turn. May sleep, for memory only.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] if the event is lost; if the function is open, its owner is told.
    pub fn submit(
        self: ArcBorrow<'_, Self>,
        zdev: &Device,
        event: Event,
        handler: Handler,
    ) -> Result {
        let entry = Entry {
            zdev: zdev.into(),
            function: self.into(),
            event,
            handler,
            age: Age {
                opened: self.opened.load(Acquire),
                resets: self.resets.load(Acquire),
            },
        };
        let limit = event.may_be_lost().then_some(Self::BACKLOG);

        if event.concerns_reset() {
            self.unhandled.fetch_add(1, Relaxed);
        }
        self.events
            .as_arc_borrow()
            .add(entry, limit)
            .map_err(|entry| {
                if entry.event.concerns_reset() {
                    self.unhandled.fetch_sub(1, Release);
                    if let Some(dropped) = self.change_session(Session::lose) {
                        trace::dropped(entry.zdev.fid(), dropped);
                    }
                }
                ENOMEM
            })
    }

    /// Whether there are events not handled yet that may mean that the function is in error.
    pub fn is_busy(&self) -> bool {
        self.unhandled.load(Acquire) != 0
    }

    /// Whether the function was reset after an event of this age was submitted. The caller holds
    /// both locks of the function, so that it is not being reset meanwhile.
    pub fn is_stale(&self, age: Age) -> bool {
        age.resets != self.resets.load(Acquire)
    }

    /// Whether user space has opened the function, which resets it, after an event of this age was
    /// submitted: it is not the event of this owner.
    pub fn is_of_earlier_owner(&self, age: Age) -> bool {
        age.opened != self.opened.load(Acquire)
    }

    /// Begins a session: user space has opened the function. `guest` says whether KVM has it.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], or [`EBUSY`] if there is a session already.
    pub fn open(&self, guest: bool) -> Result {
        let new = KBox::new(
            Open {
                session: Session::new(guest),
                status: None,
            },
            GFP_KERNEL,
        )?;
        let mut session = self.session.lock();

        if session.is_some() {
            // The lock is let go before memory is.
            drop(session);
            return Err(EBUSY);
        }
        *session = Some(new);
        self.arrived.store(0, Relaxed);
        self.opened.fetch_add(1, Release);
        Ok(())
    }

    /// Ends a session, and says what its owner has left behind.
    pub fn close(&self) -> Option<Leftover> {
        let open = self.session.lock().take();

        open.map(|open| open.session.leftover())
    }

    /// Whether user space has the function open.
    pub fn is_open(&self) -> bool {
        self.session.lock().is_some()
    }

    fn with_session<R>(&self, f: impl FnOnce(&mut Session) -> R) -> Option<R> {
        self.session
            .lock()
            .as_deref_mut()
            .map(|open| f(&mut open.session))
    }

    /// Changes what is to be seen on the status page.
    fn change_session<R>(&self, f: impl FnOnce(&mut Session) -> R) -> Option<R> {
        self.session.lock().as_deref_mut().map(|open| {
            let result = f(&mut open.session);

            if let Some(status) = &open.status {
                status.publish(&open.session);
            }
            result
        })
    }

    /// Adds an event to the session, which has the room that those which have arrived have left.
    fn add_to_session<R>(&self, f: impl FnOnce(&mut Session) -> R) -> Option<R> {
        self.change_session(|session| {
            // CAST: Far fewer than fit.
            session.arrived(self.arrived.xchg(0, Relaxed) as usize);
            f(session)
        })
    }

    /// Maps the status page into the memory of a reader, who cannot write to it.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the mapping is writable or not one page long, [`ENODEV`] if the function is
    /// not open, [`ENOMEM`].
    pub fn map_status(&self, vma: &VmaNew) -> Result {
        if vma.end() - vma.start() != PAGE_SIZE {
            return Err(EINVAL);
        }
        vma.try_clear_maywrite()?;
        vma.set_dontexpand();
        vma.set_mixedmap()
            .vm_insert_page(vma.start(), self.status()?.page())
    }

    /// Returns the status page, and makes it if it is not there yet.
    fn status(&self) -> Result<Arc<StatusPage>> {
        let new = Arc::new(StatusPage::new()?, GFP_KERNEL)?;
        let mut session = self.session.lock();
        let open = session.as_deref_mut().ok_or(ENODEV)?;
        let status = open.status.get_or_insert_with(|| {
            new.publish(&open.session);
            new.clone()
        });
        let status = status.clone();

        // The lock is let go before memory is.
        drop(session);
        Ok(status)
    }

    /// Captures an event for the owner, and decides who recovers from it; [`None`] if user space
    /// does not have the function.
    ///
    /// The caller holds both locks of the function, which makes the decision final.
    pub fn capture(&self, event: ErrorEvent) -> Option<Recovery> {
        let now = Self::now();
        let captured = self.add_to_session(|session| session.capture(event, now))?;

        trace::captured(&event, &captured);
        Some(captured.recovery)
    }

    /// Returns what is to be seen of the session from outside, if there is one.
    pub(super) fn overview(&self) -> Option<Overview> {
        self.with_session(|session| session.overview())
    }

    /// Returns the `nth` event that nobody has yet, and whether it is stale.
    pub(super) fn peek(&self, nth: usize) -> Option<(Pending, bool)> {
        self.with_session(|session| session.peek(nth))?
    }

    /// Captures an event that the function had before its last reset. Returns whether there is an
    /// owner to be told.
    pub fn capture_stale(&self, event: ErrorEvent) -> bool {
        let now = Self::now();

        let captured = self.add_to_session(|session| session.capture_stale(event, now));

        if let Some(captured) = &captured {
            trace::captured(&event, captured);
        }
        captured.is_some()
    }

    /// Counts an event that was about the function as it no longer is.
    pub fn ignore(&self) {
        self.ignored.fetch_add(1, Relaxed);
    }

    fn now() -> u64 {
        // CAST: The monotonic clock starts at zero and never gets near the sign bit.
        Instant::<Monotonic>::now().as_nanos() as u64
    }

    /// Hands out the oldest event to one reader.
    ///
    /// # Errors
    ///
    /// The record that says so if there is none.
    pub fn take(&self) -> Result<Delivery<'_>, Record> {
        let taken = self.change_session(|session| session.take().ok_or_else(|| session.nothing()));

        match taken.unwrap_or_else(|| Err(Record::empty(0))) {
            Ok(taken) => Ok(Delivery {
                function: self,
                taken,
            }),
            Err(nothing) => Err(nothing),
        }
    }

    /// Returns the record of the event that arrived last.
    pub fn last_record(&self) -> Record {
        self.with_session(Session::last)
            .unwrap_or_else(|| Record::empty(0))
    }

    /// Notes that the owner has registered the error eventfd, or has taken it back. Returns
    /// whether it must be signalled at once, because events wait already.
    pub fn set_eventfd(&self, registered: bool) -> bool {
        self.with_session(|session| session.set_eventfd(registered))
            .unwrap_or(false)
    }

    /// Notes that the function is being reset: events from before are stale.
    pub fn note_reset(&self) {
        self.resets.fetch_add(1, Release);
        self.change_session(Session::reset);
    }

    /// Sends a report, a little later: what has been told already goes first.
    pub fn report(self: ArcBorrow<'_, Self>, report: Report) {
        let mut reports = self.reports.lock();

        if reports.len() >= Self::REPORTS || reports.reserve(1, GFP_KERNEL).is_err() {
            drop(reports);
            // No room to let it wait: who makes them faster than they are sent has to wait itself.
            // Those before it go first.
            self.send_reports();
            report.send_local();
            report.send_platform();
            return;
        }
        // There is room, as just reserved.
        let _ = reports.push_within_capacity(report);
        drop(reports);
        let _ = serial::workqueue().enqueue_delayed(Arc::from(self), 1);
    }

    /// Reports how a reset of the function has ended.
    pub(super) fn report_reset(
        self: ArcBorrow<'_, Self>,
        device: &DeviceGuard<'_>,
        recovered: bool,
    ) {
        let (uevent, status) = if recovered {
            (ErsResult::Recovered, c"success")
        } else {
            (ErsResult::Disconnect, c"failed (reset)")
        };

        self.report(
            Report::new(device.state().zdev())
                .device(device)
                .uevent(uevent)
                .platform(c"recovery", status),
        );
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
    #[inline]
    pub fn record(&self) -> Record {
        Record::of(&self.taken)
    }

    /// Says that the event has arrived. Its reader has the function open, so that the session is
    /// still the one that the event is from.
    #[inline]
    pub fn arrived(self) {
        // No lock: the session needs to know when it runs out of room, not before.
        self.function.arrived.fetch_add(1, Relaxed);
        trace::taken(self.event(), self.taken.pending.sequence);
        // It is not to go back.
        core::mem::forget(self);
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        self.function
            .change_session(|session| session.give_back(&self.taken));
    }
}
