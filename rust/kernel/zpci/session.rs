// SPDX-License-Identifier: GPL-2.0-only

//! A session: the time from user space's opening of a function to its closing.
//!
//! Nothing here depends on the kernel, so this file can also be compiled and tested outside of the
//! kernel. In the kernel the session lock protects a session.

use super::{
    ccdf::Ccdf,
    queue::{
        Pending,
        Queue, //
    },
    record::Record, //
};
use core::ffi::CStr;

/// The side that recovers a function from an error event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveredBy {
    /// The owner, in user space.
    Owner,
    /// The host: the owner does not listen (has neither registered the error eventfd nor asked for
    /// events).
    Host,
    /// Nobody: the owner does not listen, and the host cannot or must not recover the function.
    Nobody,
}

impl RecoveredBy {
    /// Returns the name of the side, for debugfs.
    pub(super) fn name(self) -> &'static CStr {
        match self {
            Self::Owner => c"owner",
            Self::Host => c"host",
            Self::Nobody => c"nobody",
        }
    }
}

/// The result of capturing an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Captured {
    /// The event's sequence number, counted from 1 since the function was opened.
    pub(super) sequence: u64,
    /// Whether the queue has kept the event.
    pub(super) kept: bool,
    /// The number of events dropped so far, if this event or an older one has been dropped by this
    /// capture.
    pub(super) dropped: Option<u32>,
    /// Whether the owner listens now, so that the caller must signal the owner. An owner that has
    /// begun to listen after `decide` had chosen another side must be signalled, too: otherwise the
    /// owner would not learn of the event.
    pub(super) listens: bool,
}

/// An event for a reader, with the state of the session at the time of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// The event.
    pub(super) pending: Pending,
    /// Whether the event is stale: it came before the owner's last successful reset began.
    pub(super) stale: bool,
    /// The number of unread events behind this event.
    pub(super) behind: usize,
    /// The number of events dropped so far.
    pub(super) dropped: u32,
}

/// A summary of a session: its owner, and its counts of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overview {
    /// Whether KVM uses the function.
    pub(super) guest: bool,
    /// Whether the owner listens.
    pub(super) listens: bool,
    /// The side that recovers the function from the next event.
    pub(super) recovered_by: RecoveredBy,
    /// The number of events so far, kept or dropped.
    pub(super) captured: u64,
    /// The number of unread events.
    pub(super) waiting: usize,
    /// The number of events dropped so far.
    pub(super) dropped: u32,
}

impl Overview {
    /// Returns a word for debugfs that describes the owner.
    pub(super) fn owner(&self) -> &'static CStr {
        match (self.guest, self.listens) {
            (false, false) => c"silent",
            (false, true) => c"listens",
            (true, false) => c"silent,kvm",
            (true, true) => c"listens,kvm",
        }
    }
}

/// Limits how often the host recovers the function in an hour, so that a broken function is not
/// recovered forever.
struct HostRecoveries {
    since: u64,
    count: u32,
}

impl HostRecoveries {
    /// The maximum number of recoveries in one period. After one more error in this period the host
    /// leaves the function in error.
    const LIMIT: u32 = 5;

    /// An hour, in nanoseconds.
    const PERIOD: u64 = 3_600_000_000_000;

    const NONE: Self = Self { since: 0, count: 0 };

    /// Counts one more recovery and returns `true`, or returns `false` if the limit is reached.
    fn one_more(&mut self, now: u64) -> bool {
        if now.saturating_sub(self.since) >= Self::PERIOD {
            *self = Self::NONE;
        }
        if self.count == 0 {
            self.since = now;
        }
        if self.count == Self::LIMIT {
            return false;
        }
        self.count += 1;
        true
    }
}

/// A session: the owner's unread events, and whether the owner listens.
pub(super) struct Session {
    queue: Queue,
    /// The event that a reader has taken last.
    last: Option<Taken>,
    /// The sequence number of the newest event when the owner's last successful reset began. This
    /// event and all earlier events are stale.
    last_stale: u64,
    host: HostRecoveries,
    guest: bool,
    eventfd: bool,
    has_asked: bool,
}

impl Session {
    /// Begins a session; `guest` says whether KVM uses the function.
    pub(super) fn new(guest: bool) -> Self {
        Self {
            queue: Queue::new(),
            last: None,
            last_stale: 0,
            host: HostRecoveries::NONE,
            guest,
            eventfd: false,
            has_asked: false,
        }
    }

    /// Whether the owner listens: the owner has asked for events, or has registered the error
    /// eventfd. With KVM the eventfd alone does not count: a monitor that only knows the eventfd
    /// stops the whole virtual machine when the eventfd is signalled.
    pub(super) fn listens(&self) -> bool {
        self.has_asked || (self.eventfd && !self.guest)
    }

    /// The number of dropped events, if the owner has asked for events and none is unread;
    /// otherwise [`None`].
    pub(super) fn quiet(&self) -> Option<u32> {
        (self.has_asked && self.queue.waiting() == 0).then_some(self.queue.dropped())
    }

    /// Notes that the owner asks for events, which makes the owner recover the function. Returns
    /// whether the caller must signal the eventfd: unread events are queued that were captured
    /// without a signal.
    pub(super) fn listen(&mut self) -> bool {
        let before = core::mem::replace(&mut self.has_asked, true);

        !before && self.eventfd && self.guest && self.queue.waiting() > 0
    }

    /// The side that recovers the function from the next event, if the function needs no reset and
    /// the host has not reached its limit of recoveries.
    fn recovered_by(&self) -> RecoveredBy {
        match (self.listens(), self.guest) {
            (true, _) => RecoveredBy::Owner,
            (false, true) => RecoveredBy::Nobody,
            (false, false) => RecoveredBy::Host,
        }
    }

    /// Decides which side recovers the function from a new event. The host never resets a function
    /// that user space has open, so the host does not recover a function that `needs_reset`.
    pub(super) fn decide(&mut self, needs_reset: bool, now: u64) -> RecoveredBy {
        match self.recovered_by() {
            RecoveredBy::Host if needs_reset || !self.host.one_more(now) => RecoveredBy::Nobody,
            recovered_by => recovered_by,
        }
    }

    /// Captures an event.
    pub(super) fn capture(
        &mut self,
        event: Ccdf,
        timestamp: u64,
        recovered_by: RecoveredBy,
    ) -> Captured {
        let before = self.queue.dropped();
        let kept = self.queue.push(event, timestamp, recovered_by);

        Captured {
            sequence: self.queue.last_sequence(),
            kept,
            dropped: Some(self.queue.dropped()).filter(|&now| now != before),
            listens: self.listens(),
        }
    }

    /// Counts an event that was dropped before it was captured, because the function's queue of
    /// unprocessed events was full. Returns the number of events dropped so far.
    pub(super) fn drop_event(&mut self) -> u32 {
        self.queue.drop_event();
        self.queue.dropped()
    }

    /// Returns a summary of the session.
    pub(super) fn overview(&self) -> Overview {
        Overview {
            guest: self.guest,
            listens: self.listens(),
            recovered_by: self.recovered_by(),
            captured: self.queue.last_sequence(),
            waiting: self.queue.waiting(),
            dropped: self.queue.dropped(),
        }
    }

    fn with_rest(&self, pending: Pending, behind: usize) -> Taken {
        Taken {
            pending,
            stale: pending.sequence <= self.last_stale,
            behind,
            dropped: self.queue.dropped(),
        }
    }

    /// Returns the `nth` unread event, counted from the oldest.
    pub(super) fn peek(&self, nth: usize) -> Option<Taken> {
        let pending = self.queue.peek(nth)?;

        Some(self.with_rest(*pending, self.queue.waiting() - nth - 1))
    }

    /// Removes an event that was copied to its reader. Reading is asking for events, so the owner
    /// listens from now on. Returns `false` if the event is not the oldest one any more: another
    /// reader has taken the event.
    pub(super) fn remove(&mut self, taken: &Taken) -> bool {
        let is_oldest = self.queue.remove(taken.pending.sequence);

        if is_oldest {
            self.last = Some(*taken);
            self.has_asked = true;
        }
        is_oldest
    }

    /// Returns the record of the event that was taken last.
    pub(super) fn last(&self) -> Record {
        match &self.last {
            Some(taken) => Record::of(taken),
            None => Record::empty(self.dropped()),
        }
    }

    /// Returns the record of the newest event, taken or unread.
    pub(super) fn newest(&self) -> Record {
        let last = self.last.as_ref().map(|taken| &taken.pending);

        match self.queue.newest().or(last) {
            Some(pending) => Record::of(&self.with_rest(*pending, 0)),
            None => Record::empty(self.dropped()),
        }
    }

    /// The number of events dropped so far.
    pub(super) fn dropped(&self) -> u32 {
        self.queue.dropped()
    }

    /// Notes that the owner has registered the error eventfd, or has deregistered the eventfd.
    /// Returns whether the caller must signal the eventfd at once: unread events are queued
    /// already.
    pub(super) fn set_eventfd(&mut self, registered: bool) -> bool {
        self.eventfd = registered;
        registered && self.listens() && self.queue.waiting() > 0
    }

    /// The sequence number of the newest event, kept or dropped.
    pub(super) fn last_sequence(&self) -> u64 {
        self.queue.last_sequence()
    }

    /// Notes that the owner has reset the function: the event with sequence number `last` and all
    /// earlier events are stale.
    pub(super) fn note_owner_reset(&mut self, last: u64) {
        // Never decrease `last_stale`: of two resets, the reset that began first may end last.
        self.last_stale = core::cmp::max(self.last_stale, last);
        self.note_reset();
    }

    /// Notes that the function has been reset: the host may recover the function again, even if the
    /// limit was reached before.
    pub(super) fn note_reset(&mut self) {
        self.host = HostRecoveries::NONE;
    }
}
