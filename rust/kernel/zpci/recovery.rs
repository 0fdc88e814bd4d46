// SPDX-License-Identifier: GPL-2.0-only

//! The recovery of a function: its queued events, its owner's session, its reports, and the
//! progress of its resets.

use super::{
    event::{
        Event,
        EventQueue,
        Handler, //
    },
    report::Report,
    session::{
        Overview,
        RecoveredBy,
        Session,
        Taken, //
    },
    status::StatusPage,
    trace,
    Availability,
    Ccdf,
    DeviceGuard,
    FunctionId,
    Record, //
};
use crate::{
    bindings,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        new_spinlock,
        Arc,
        SpinLock,
        SpinLockGuard, //
    },
    time::{
        Instant,
        Monotonic, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// The form in which a reader wants an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The event as the platform gave it, [`Ccdf::SIZE`] bytes.
    Ccdf,
    /// A record, cut to the given length in bytes, at most [`Record::SIZE`].
    Record(usize),
}

/// Copies bytes to a reader if the reader's memory is present. Never sleeps.
fn try_copy(bytes: &[u8], to: UserPtr) -> bool {
    // SAFETY: The source is valid for its length. `copy_to_user_nofault()` checks the destination.
    unsafe {
        bindings::copy_to_user_nofault(to.as_mut_ptr(), bytes.as_ptr().cast(), bytes.len()) == 0
    }
}

/// Copies bytes to a reader. Sleeps until the reader's memory is present.
#[cold]
fn copy(bytes: &[u8], to: UserPtr) -> Result {
    UserSlice::new(to, bytes.len()).writer().write_slice(bytes)
}

/// What the kernel keeps for a function only while user space has the function open.
pub(super) struct Open {
    pub(super) session: Session,
    /// [`None`] until user space maps the status page.
    pub(super) status: Option<Arc<StatusPage>>,
}

/// The recovery of a function, `zdev->recovery`. A [`Recovery`] and the memory of its queues are
/// allocated with the function, so that a lack of memory later does not make the kernel drop an
/// event.
///
/// # Examples
///
/// Capture an event for the owner. The caller must signal the owner if `keep` returns `true`: the
/// owner listens (has registered the error eventfd or has asked for events).
///
/// ```
/// use kernel::zpci::{Ccdf, Recovery};
///
/// fn keep(recovery: &Recovery, event: &Ccdf) -> bool {
///     match recovery.decide(false) {
///         Some(recovered_by) => recovery.capture(event, recovered_by),
///         None => false,
///     }
/// }
/// ```
#[pin_data]
pub struct Recovery {
    #[pin]
    session: SpinLock<Option<Open>>,
    /// Lets an owner that polls find out without the session lock that no event is unread. Not
    /// zero: no event is unread, and the value is one more than the count of dropped events. Zero:
    /// an event is unread, or the owner has not asked for events yet, so the reader takes the
    /// session lock.
    quiet: Atomic<u32>,
    pub(super) events: Arc<EventQueue>,
    pub(super) opened: Atomic<u32>,
    pub(super) recovered: Atomic<u32>,
    pub(super) ignored: Atomic<u32>,
    /// Whether config space has been saved since the error began. If so, another reset does not
    /// save config space again: a failed reset may have changed config space. Only a holder of the
    /// device lock changes `is_saved` and `is_finishing`.
    pub(super) is_saved: Atomic<bool>,
    /// Whether [`DeviceGuard::reset`] has called the PCI core to reset the device itself. If the
    /// PCI core then calls [`Device::reset_slot`](super::Device::reset_slot), that method refuses:
    /// the platform has just reset the function, and the PCI core must use another method.
    pub(super) is_finishing: Atomic<bool>,
    /// The queued reports.
    #[pin]
    pub(super) reports: SpinLock<KVec<Report>>,
    /// The queue for [`Event::Reports`], apart from `events`: sending reports takes long, and would
    /// delay the processing of errors.
    pub(super) reporting: Arc<EventQueue>,
}

impl Recovery {
    pub(super) fn new(handler: Handler) -> Result<Pin<KBox<Self>>> {
        KBox::pin_init(
            try_pin_init!(Self {
                session <- new_spinlock!(None, "zpci::Recovery::session"),
                quiet: Atomic::new(0),
                events: EventQueue::new(Event::ROOM, handler)?,
                opened: Atomic::new(0),
                recovered: Atomic::new(0),
                ignored: Atomic::new(0),
                is_saved: Atomic::new(false),
                is_finishing: Atomic::new(false),
                reports <- new_spinlock!(
                    KVec::with_capacity(Report::ROOM, GFP_KERNEL)?,
                    "zpci::Recovery::reports"
                ),
                reporting: EventQueue::new(2, handler)?,
            }? Error),
            GFP_KERNEL,
        )
    }

    /// The number of errors that have not been processed yet: error events in the queue, and
    /// [`Event::Abandoned`] (an owner has closed the function in error).
    pub fn unprocessed(&self) -> usize {
        let is_one = |event: &Event, _, _| event.is_error() || matches!(event, Event::Abandoned);

        self.events.count(is_one, 0)
    }

    /// Whether an error is queued that was submitted in this `generation` of the function.
    pub fn has_error(&self, generation: u32) -> bool {
        let is_one = |event: &Event, submitted, of| event.is_error() && submitted == of;

        self.events.count(is_one, generation) != 0
    }

    /// Whether a queued event says that the platform has deconfigured the function.
    pub(super) fn is_gone(&self) -> bool {
        self.events.count(|event, _, _| event.is_end(), 0) != 0
    }

    /// Whether a queued event says that the platform has configured the function with the ID `fid`.
    pub(super) fn is_coming(&self, fid: FunctionId) -> bool {
        let is_start = |event: &Event, _, fid| {
            matches!(event, Event::Availability(event) if event.fid().as_raw() == fid
                && event.pec().availability() == Some(Availability::Configured))
        };

        self.events.count(is_start, fid.as_raw()) != 0
    }

    // Not inlined: every method that uses the session would get a copy of the code.
    #[inline(never)]
    pub(super) fn locked(&self) -> SpinLockGuard<'_, Option<Open>> {
        self.session.lock()
    }

    /// Begins a session: user space opens the function. `guest` says whether KVM uses the function.
    /// Also begins a new generation: the new owner must not get events that were submitted before.
    fn open(&self, guest: bool) {
        // No earlier session is overwritten: vfio does not open a function that is open.
        *self.locked() = Some(Open {
            session: Session::new(guest),
            status: None,
        });
        self.opened.fetch_add(1, Release);
    }

    /// Ends a session. Returns the number of unread events.
    pub fn close(&self) -> usize {
        let open = {
            let mut session = self.locked();

            self.quiet.store(0, Release);
            session.take()
        };

        open.map_or(0, |open| open.session.overview().waiting)
    }

    /// Whether user space has the function open.
    pub fn is_open(&self) -> bool {
        self.locked().is_some()
    }

    fn look<R>(&self, f: impl FnOnce(&Session) -> R) -> Option<R> {
        self.locked().as_ref().map(|open| f(&open.session))
    }

    /// Changes the session. Publishes the change in `quiet` and in the status page, for readers
    /// that do not take the session lock.
    fn change<R>(&self, f: impl FnOnce(&mut Session) -> R) -> Option<R> {
        Option::as_mut(&mut self.locked()).map(|open| {
            let result = f(&mut open.session);

            self.publish(open);
            result
        })
    }

    // Not inlined: every method that changes the session would get a copy of the code.
    #[inline(never)]
    fn publish(&self, open: &Open) {
        let quiet = open.session.quiet();

        self.quiet.store(
            quiet.map_or(0, |dropped| dropped.saturating_add(1)),
            Release,
        );
        if let Some(status) = &open.status {
            status.publish(&open.session);
        }
    }

    /// Decides which side recovers the function from an event; [`None`] if user space does not have
    /// the function open. The host never resets a function that user space has open, so the host
    /// does not recover a function that `needs_reset`.
    ///
    /// The caller holds the device lock and `state_lock`, so no other thread decides on another
    /// event of the function meanwhile.
    pub fn decide(&self, needs_reset: bool) -> Option<RecoveredBy> {
        let now = Self::now();

        self.change(|session| session.decide(needs_reset, now))
    }

    /// Captures an event for the owner, if the function has an owner. Returns whether the caller
    /// must signal the owner.
    pub fn capture(&self, event: &Ccdf, recovered_by: RecoveredBy) -> bool {
        let now = Self::now();
        let captured = self.change(|session| session.capture(*event, now, recovered_by));

        captured.is_some_and(|captured| {
            trace::captured(event, recovered_by, &captured);
            captured.listens
        })
    }

    /// Counts an event that was dropped because the function's queue of unprocessed events is full.
    pub(super) fn drop_event(&self, fid: FunctionId) {
        if let Some(dropped) = self.change(Session::drop_event) {
            trace::dropped(fid, dropped);
        }
    }

    /// Counts an event that is ignored, because the function was reset or has got another owner
    /// since the event was submitted.
    pub fn count_ignored(&self) {
        self.ignored.fetch_add(1, Relaxed);
    }

    /// Returns a summary of the session; [`None`] if user space does not have the function open.
    pub(super) fn overview(&self) -> Option<Overview> {
        self.look(Session::overview)
    }

    /// Returns the `nth` unread event, counted from the oldest.
    pub(super) fn peek(&self, nth: usize) -> Option<Taken> {
        self.look(|session| session.peek(nth))?
    }

    fn now() -> u64 {
        // CAST: The monotonic clock starts at zero and stays far below the sign bit.
        Instant::<Monotonic>::now().as_nanos() as u64
    }

    /// Copies the oldest event to a reader, and removes it: no other reader gets the event. If no
    /// event is unread, returns the count of dropped events. From now on the owner listens. May
    /// sleep until the reader's memory is present.
    ///
    /// # Errors
    ///
    /// [`EFAULT`] if the reader's memory cannot be written to; the event stays in the queue.
    pub fn take(&self, to: UserPtr, form: Form) -> Result<Option<u32>> {
        if let Some(dropped) = self.quiet.load(Acquire).checked_sub(1) {
            return Ok(Some(dropped));
        }
        // The sequence number of the event that `copy` has copied to the reader without the session
        // lock; 0 if `copy` has copied none.
        let mut copied = 0;

        loop {
            let mut session = self.locked();
            let Some(open) = &mut *session else {
                return Ok(Some(0));
            };
            let Some(oldest) = open.session.peek(0) else {
                open.session.listen();
                self.publish(open);
                return Ok(Some(open.session.dropped()));
            };
            let record;
            let bytes: &[u8] = match form {
                Form::Ccdf => oldest.pending.event.bytes(),
                Form::Record(len) => {
                    record = Record::of(&oldest);
                    &record.bytes()[..core::cmp::min(len, Record::SIZE)]
                }
            };

            // Remove an event only after copying it: a failed copy then has nothing to undo.
            if copied == oldest.pending.sequence || try_copy(bytes, to) {
                open.session.remove(&oldest);
                self.publish(open);
                drop(session);
                trace::taken(&oldest);
                return Ok(None);
            }
            drop(session);
            copy(bytes, to)?;
            copied = oldest.pending.sequence;
        }
    }

    /// Returns the record of the event that a reader has taken last.
    pub fn last_record(&self) -> Record {
        self.look(Session::last).unwrap_or_else(|| Record::empty(0))
    }

    /// Notes that the owner has asked for events: from now on the owner recovers the function, and
    /// not the host. Returns whether the caller must signal the error eventfd at once, because the
    /// owner was not signalled when unread events were captured.
    pub fn listen(&self) -> bool {
        self.change(Session::listen).unwrap_or(false)
    }

    /// Notes that the owner has registered or unregistered the error eventfd. Returns whether the
    /// caller must signal the eventfd at once, because events are unread already.
    pub fn set_eventfd(&self, registered: bool) -> bool {
        self.change(|session| session.set_eventfd(registered))
            .unwrap_or(false)
    }

    /// Returns the sequence number of the newest event, kept or dropped. Call this before a reset,
    /// and pass the result to [`Recovery::note_owner_reset`] after the reset.
    pub fn last_sequence(&self) -> u64 {
        self.look(Session::last_sequence).unwrap_or(0)
    }

    /// Notes that the function has been reset: the host, which may recover the function only a
    /// limited number of times, may do so again.
    pub(super) fn note_reset(&self) {
        self.change(Session::note_reset);
    }

    /// Notes that a reset by the owner has succeeded: the event with sequence number `last` and all
    /// earlier events are stale.
    pub fn note_owner_reset(&self, last: u64) {
        self.change(|session| session.note_owner_reset(last));
    }
}

impl DeviceGuard<'_> {
    /// Begins a session: user space opens the function and becomes its owner. `guest` says whether
    /// KVM uses the function.
    ///
    /// # Errors
    ///
    /// [`EAGAIN`] if the function is in error.
    pub fn begin_session(&self, guest: bool) -> Result {
        let recovery = self.state().zdev().recovery();

        recovery.open(guest);
        // Refuse a function in error: the event that reports the error came before the session, so
        // the new owner would not get that event.
        if super::is_in_error(self.pdev()) {
            recovery.close();
            return Err(EAGAIN);
        }
        Ok(())
    }
}
