// SPDX-License-Identifier: GPL-2.0-only

//! What is kept of a function while user space has it open.
//!
//! Nothing here depends on the kernel: the same file is compiled for the host and tested there.

use super::{
    ccdf::{
        ErrorEvent,
        Severity, //
    },
    queue::{
        Pending,
        Queue,
        Recovery,
        Taken, //
    },
    record::Record, //
};

/// What an owner has left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Events that it has not read.
    pub unread: usize,
    /// Whether there was an event that nobody has recovered from.
    pub unrecovered: bool,
}

/// What has become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Captured {
    /// Who recovers from it.
    pub(super) recovery: Recovery,
    /// Its number since the function was opened.
    pub(super) sequence: u64,
    /// Whether it is kept.
    pub(super) kept: bool,
    /// If an event was lost, it or another one: how many have been now.
    pub(super) dropped: Option<u32>,
}

/// What is to be seen of a session from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overview {
    /// Whether KVM has the function.
    pub(super) guest: bool,
    /// Whether the owner is there to be told.
    pub(super) listens: bool,
    /// Who recovers from the next event.
    pub(super) recovery: Recovery,
    /// Events so far.
    pub(super) captured: u64,
    /// Events that wait for a reader.
    pub(super) waiting: usize,
    /// Events lost so far.
    pub(super) dropped: u32,
}

impl Overview {
    /// Returns a word for the owner.
    pub(super) fn owner(&self) -> &'static str {
        match (self.guest, self.listens) {
            (false, false) => "deaf",
            (false, true) => "listens",
            (true, false) => "deaf,kvm",
            (true, true) => "listens,kvm",
        }
    }
}

/// What is kept of a function while user space has it open.
pub(super) struct Session {
    queue: Queue,
    /// The event that was taken last, and the one before, should that not arrive.
    last: Option<Taken>,
    previous: Option<Taken>,
    guest: bool,
    eventfd: bool,
    has_read: bool,
    unrecovered: bool,
    lost: bool,
}

impl Session {
    /// Begins a session; `guest` says whether KVM has the function.
    pub(super) fn new(guest: bool) -> Self {
        Self {
            queue: Queue::new(),
            last: None,
            previous: None,
            guest,
            eventfd: false,
            has_read: false,
            unrecovered: false,
            lost: false,
        }
    }

    /// Whether the owner is there to be told: it has registered the error eventfd, or has asked
    /// for events itself.
    pub(super) fn listens(&self) -> bool {
        self.eventfd || self.has_read
    }

    /// Who recovers from an event.
    fn recovery(&self) -> Recovery {
        match (self.listens(), self.guest || self.lost) {
            (true, _) => Recovery::Owner,
            (false, true) => Recovery::Nobody,
            (false, false) => Recovery::Host,
        }
    }

    /// Captures an event, and decides who recovers from it.
    pub(super) fn capture(&mut self, event: ErrorEvent, timestamp: u64) -> Captured {
        // What is lost stays lost until a reset.
        self.lost |= matches!(event.pec().severity(), Severity::Permanent);
        let recovery = self.recovery();

        self.unrecovered = recovery != Recovery::Host;
        self.keep(recovery, |queue| queue.push(event, timestamp, recovery))
    }

    /// Adds an event to the queue, and says what has become of it.
    fn keep(&mut self, recovery: Recovery, push: impl FnOnce(&mut Queue) -> bool) -> Captured {
        let before = self.queue.dropped();
        let kept = push(&mut self.queue);

        Captured {
            recovery,
            sequence: self.queue.last_sequence(),
            kept,
            dropped: Some(self.queue.dropped()).filter(|&now| now != before),
        }
    }

    /// Returns what is to be seen from outside.
    pub(super) fn overview(&self) -> Overview {
        Overview {
            guest: self.guest,
            listens: self.listens(),
            recovery: self.recovery(),
            captured: self.queue.last_sequence(),
            waiting: self.queue.waiting(),
            dropped: self.queue.dropped(),
        }
    }

    /// Returns the `nth` event that nobody has yet, and whether it is stale.
    pub(super) fn peek(&self, nth: usize) -> Option<(Pending, bool)> {
        let pending = self.queue.peek(nth)?;

        Some((pending, self.queue.is_stale(&pending)))
    }

    /// Captures an event that the function had before its last reset. There is nothing to recover
    /// from, but it is not lost.
    pub(super) fn capture_stale(&mut self, event: ErrorEvent, timestamp: u64) -> Captured {
        self.keep(Recovery::Owner, |queue| queue.push_stale(event, timestamp))
    }

    /// Counts an event that could not even be looked at.
    ///
    /// Returns how many have been lost now.
    pub(super) fn lose(&mut self) -> u32 {
        self.queue.lose();
        self.queue.dropped()
    }

    /// Hands out the oldest event.
    pub(super) fn take(&mut self) -> Option<Taken> {
        self.has_read = true;
        let taken = self.queue.take()?;

        self.previous = self.last.replace(taken);
        Some(taken)
    }

    /// Notes that `count` of the events that were handed out have reached their readers.
    pub(super) fn arrived(&mut self, count: usize) {
        self.queue.arrived(count);
    }

    /// Takes back an event that has not reached its reader.
    pub(super) fn give_back(&mut self, taken: &Taken) {
        let is_it = |other: &Taken| other.pending.sequence == taken.pending.sequence;

        self.queue.give_back(taken);
        if self.last.as_ref().is_some_and(is_it) {
            self.last = self.previous.take();
        } else if self.previous.as_ref().is_some_and(is_it) {
            self.previous = None;
        }
    }

    /// Returns the record of the event that was taken last, and has not come back.
    pub(super) fn last(&mut self) -> Record {
        self.has_read = true;
        match &self.last {
            Some(taken) => Record::of(taken),
            None => self.nothing(),
        }
    }

    /// Returns the record of the newest event, whether it has been taken or not.
    pub(super) fn newest(&self) -> Record {
        let pending = self.queue.newest().or(self.last.map(|taken| taken.pending));

        match pending {
            Some(pending) => Record::of(&Taken {
                pending,
                stale: self.queue.is_stale(&pending),
                behind: 0,
                dropped: self.queue.dropped(),
            }),
            None => self.nothing(),
        }
    }

    /// Returns the record that says that nothing is pending.
    pub(super) fn nothing(&self) -> Record {
        Record::empty(self.queue.dropped())
    }

    /// Notes that the owner has registered the error eventfd, or has taken it back. Returns
    /// whether it must be signalled at once, because events wait already.
    pub(super) fn set_eventfd(&mut self, registered: bool) -> bool {
        self.eventfd = registered;
        registered && self.queue.waiting() > 0
    }

    /// Notes that the function has been reset.
    pub(super) fn reset(&mut self) {
        self.queue.reset();
        self.unrecovered = false;
        self.lost = false;
    }

    /// Says what is left of the session at its end.
    pub(super) fn leftover(&self) -> Leftover {
        Leftover {
            unread: self.queue.waiting(),
            unrecovered: self.unrecovered,
        }
    }
}
