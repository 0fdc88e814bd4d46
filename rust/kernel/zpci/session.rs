// SPDX-License-Identifier: GPL-2.0-only

//! A session: from the moment that user space opens a function until it has closed the function.
//!
//! Nothing here depends on the kernel: the same file is compiled for the host and tested there.

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
    /// The host, for an owner that does not listen.
    Host,
    /// None: the owner does not listen, and the host cannot recover the function, or must not.
    Nobody,
}

impl RecoveredBy {
    /// Returns the name that logs have for it.
    pub(super) fn name(self) -> &'static CStr {
        match self {
            Self::Owner => c"owner",
            Self::Host => c"host",
            Self::Nobody => c"nobody",
        }
    }
}

/// The fate of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Captured {
    /// Its number since the function was opened.
    pub(super) sequence: u64,
    /// Whether it is kept.
    pub(super) kept: bool,
    /// How many events have been dropped, if this call dropped one: this event or an older one.
    pub(super) dropped: Option<u32>,
    /// Whether the owner listens, and must be signalled. It may have begun to listen after the
    /// decision which side recovers.
    pub(super) listens: bool,
}

/// An event as a reader gets it, with the state of the session at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// The event.
    pub(super) pending: Pending,
    /// Whether its owner has reset the function since the event.
    pub(super) stale: bool,
    /// Events that wait behind this one.
    pub(super) behind: usize,
    /// Events dropped so far.
    pub(super) dropped: u32,
}

/// The figures of a session, for debugfs and the status page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overview {
    /// Whether KVM has the function.
    pub(super) guest: bool,
    /// Whether the owner listens.
    pub(super) listens: bool,
    /// The side that recovers from the next event.
    pub(super) recovered_by: RecoveredBy,
    /// Events so far.
    pub(super) captured: u64,
    /// Events that wait for a reader.
    pub(super) waiting: usize,
    /// Events dropped so far.
    pub(super) dropped: u32,
}

impl Overview {
    /// Returns a word for the owner.
    pub(super) fn owner(&self) -> &'static CStr {
        match (self.guest, self.listens) {
            (false, false) => c"silent",
            (false, true) => c"listens",
            (true, false) => c"silent,kvm",
            (true, true) => c"listens,kvm",
        }
    }
}

/// How often the host has recovered the function of an owner that does not listen.
struct HostRecoveries {
    since: u64,
    count: u32,
}

impl HostRecoveries {
    /// How many there are in one period: one that fails more often is left in error.
    const LIMIT: u32 = 5;

    /// An hour, in nanoseconds.
    const PERIOD: u64 = 3_600_000_000_000;

    const NONE: Self = Self { since: 0, count: 0 };

    /// Counts one more, unless there were too many.
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

/// A session: the owner's events, and how it wants to be told of them.
pub(super) struct Session {
    queue: Queue,
    /// The event that was taken last.
    last: Option<Taken>,
    /// The newest event before its owner's last successful reset.
    recovered: u64,
    host: HostRecoveries,
    guest: bool,
    eventfd: bool,
    has_asked: bool,
}

impl Session {
    /// Begins a session; `guest` says whether KVM has the function.
    pub(super) fn new(guest: bool) -> Self {
        Self {
            queue: Queue::new(),
            last: None,
            recovered: 0,
            host: HostRecoveries::NONE,
            guest,
            eventfd: false,
            has_asked: false,
        }
    }

    /// Whether the owner listens: it has asked for events, or it has registered the error
    /// eventfd. With KVM the eventfd alone does not count: a monitor that knows nothing else
    /// stops the whole virtual machine when it is signalled.
    pub(super) fn listens(&self) -> bool {
        self.has_asked || (self.eventfd && !self.guest)
    }

    /// How many events have been dropped, if the owner has asked for events and none waits.
    pub(super) fn quiet(&self) -> Option<u32> {
        (self.has_asked && self.queue.waiting() == 0).then_some(self.queue.dropped())
    }

    /// Notes that the owner asks for events, and so will recover the function. Returns whether the
    /// eventfd must be signalled at once, because events wait that were not signalled.
    pub(super) fn listen(&mut self) -> bool {
        let before = core::mem::replace(&mut self.has_asked, true);

        !before && self.eventfd && self.guest && self.queue.waiting() > 0
    }

    /// The side that recovers from the next event, unless the function needs a reset.
    fn recovered_by(&self) -> RecoveredBy {
        match (self.listens(), self.guest) {
            (true, _) => RecoveredBy::Owner,
            (false, true) => RecoveredBy::Nobody,
            (false, false) => RecoveredBy::Host,
        }
    }

    /// Decides which side recovers from an event of this moment. The host resets no function of
    /// user space, so a function that `needs_reset` is never the host's.
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

    /// Counts an event that was dropped on its way here. Returns how many have been dropped.
    pub(super) fn drop_event(&mut self) -> u32 {
        self.queue.drop_event();
        self.queue.dropped()
    }

    /// Returns the figures of the session.
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
            stale: pending.sequence <= self.recovered,
            behind,
            dropped: self.queue.dropped(),
        }
    }

    /// Returns the `nth` event that has not been taken.
    pub(super) fn peek(&self, nth: usize) -> Option<Taken> {
        let pending = self.queue.peek(nth)?;

        Some(self.with_rest(*pending, self.queue.waiting() - nth - 1))
    }

    /// Removes an event that was copied to its reader, who has asked for it. Returns `false` if the
    /// event is not the oldest one any more: another reader has taken it.
    pub(super) fn arrived(&mut self, taken: &Taken) -> bool {
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

    /// Returns the record of the newest event, whether it has been taken or not.
    pub(super) fn newest(&self) -> Record {
        let last = self.last.as_ref().map(|taken| &taken.pending);

        match self.queue.newest().or(last) {
            Some(pending) => Record::of(&self.with_rest(*pending, 0)),
            None => Record::empty(self.dropped()),
        }
    }

    /// How many events have been dropped so far.
    pub(super) fn dropped(&self) -> u32 {
        self.queue.dropped()
    }

    /// Notes that the owner has registered the error eventfd, or has taken it back. Returns
    /// whether it must be signalled at once, because events wait already.
    pub(super) fn set_eventfd(&mut self, registered: bool) -> bool {
        self.eventfd = registered;
        registered && self.listens() && self.queue.waiting() > 0
    }

    /// The number of the newest event.
    pub(super) fn newest_sequence(&self) -> u64 {
        self.queue.last_sequence()
    }

    /// Notes that the owner has reset the function: events up to `newest` are stale.
    pub(super) fn recovered(&mut self, newest: u64) {
        // Of two resets the one that began first may end last.
        self.recovered = core::cmp::max(self.recovered, newest);
        self.is_in_order();
    }

    /// Notes that the function has been reset: the host may recover it again, even if it has failed
    /// too often before.
    pub(super) fn is_in_order(&mut self) {
        self.host = HostRecoveries::NONE;
    }
}
