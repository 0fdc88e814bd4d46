// SPDX-License-Identifier: GPL-2.0-only

//! The error events that an owner of a function has not read yet.
//!
//! Nothing here depends on the kernel: the same file is compiled for the host, where it is tested
//! against a model, and in the kernel, where a lock around it makes it safe to share.

use super::ccdf::{
    ErrorEvent,
    Severity, //
};

/// Who recovers a function from an error event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveredBy {
    /// The owner, in user space.
    Owner,
    /// The host, for an owner that does not listen.
    Host,
    /// Nobody: the owner does not listen, and the host cannot recover the function, or must not.
    Nobody,
}

impl RecoveredBy {
    /// Returns the name that logs have for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Host => "host",
            Self::Nobody => "nobody",
        }
    }
}

/// One event in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    /// The event as the platform gave it.
    pub(super) event: ErrorEvent,
    /// Number of the event since the function was opened, from 1.
    pub(super) sequence: u64,
    /// When it was captured, nanoseconds of the monotonic clock.
    pub(super) timestamp: u64,
    /// Who recovers from it.
    pub(super) recovered_by: RecoveredBy,
}

impl Pending {
    const NONE: Self = Self {
        event: ErrorEvent::NONE,
        sequence: 0,
        timestamp: 0,
        recovered_by: RecoveredBy::Owner,
    };

    fn is_permanent(&self) -> bool {
        matches!(self.event.pec().severity(), Severity::Permanent)
    }
}

/// A bounded queue of error events, oldest first.
///
/// # Invariants
///
/// - `head < Queue::SLOTS` and `waiting <= Queue::SLOTS`.
/// - The `waiting` slots from `head` on, wrapping, are in order of their sequence numbers, which
///   are all different.
pub(super) struct Queue {
    slots: [Pending; Self::SLOTS],
    head: usize,
    waiting: usize,
    last_sequence: u64,
    dropped: u32,
}

impl Default for Queue {
    fn default() -> Self {
        Self::new()
    }
}

impl Queue {
    /// How many transient events are kept.
    pub(super) const TRANSIENT: usize = 16;

    /// One slot more than for transient events is kept for a permanent failure.
    pub(super) const SLOTS: usize = Self::TRANSIENT + 1;

    /// Makes an empty queue.
    pub(super) const fn new() -> Self {
        // INVARIANT: Nothing is in the queue.
        Self {
            slots: [Pending::NONE; Self::SLOTS],
            head: 0,
            waiting: 0,
            last_sequence: 0,
            dropped: 0,
        }
    }

    fn index(&self, nth: usize) -> usize {
        let index = self.head + nth;

        if index < Self::SLOTS {
            index
        } else {
            index - Self::SLOTS
        }
    }

    /// Makes room for an event, by dropping an older transient one if a permanent failure needs
    /// its place. Returns whether there is room.
    fn make_room(&mut self, permanent: bool) -> bool {
        if self.waiting < Self::TRANSIENT || (permanent && self.waiting < Self::SLOTS) {
            return true;
        }
        permanent && self.drop_oldest_transient()
    }

    fn drop_oldest_transient(&mut self) -> bool {
        let oldest = (0..self.waiting).find(|&nth| !self.slots[self.index(nth)].is_permanent());
        let Some(oldest) = oldest else {
            // Every slot holds a permanent failure already.
            return false;
        };

        // INVARIANT: The slots that stay have kept their order.
        for later in oldest + 1..self.waiting {
            self.slots[self.index(later - 1)] = self.slots[self.index(later)];
        }
        self.waiting -= 1;
        self.dropped = self.dropped.saturating_add(1);
        true
    }

    /// Adds an event, and returns whether it was kept.
    ///
    /// An event that is not kept still has a number, so that a reader sees a gap, and is counted
    /// as dropped. A transient event is not kept if [`Queue::TRANSIENT`] events are there. A
    /// permanent failure takes the slot reserved for it, or that of the oldest transient event.
    pub(super) fn push(
        &mut self,
        event: ErrorEvent,
        timestamp: u64,
        recovered_by: RecoveredBy,
    ) -> bool {
        self.last_sequence += 1;
        let pending = Pending {
            event,
            sequence: self.last_sequence,
            timestamp,
            recovered_by,
        };

        if !self.make_room(pending.is_permanent()) {
            self.dropped = self.dropped.saturating_add(1);
            return false;
        }
        // INVARIANT: There is room, and the new number is larger than all others.
        let tail = self.index(self.waiting);
        self.slots[tail] = pending;
        self.waiting += 1;
        true
    }

    /// Counts an event that could not be added. It has a number, as all have.
    pub(super) fn lose(&mut self) {
        self.last_sequence += 1;
        self.dropped = self.dropped.saturating_add(1);
    }

    /// Removes the oldest event, if it is the one with this number. Returns whether it was.
    pub(super) fn remove(&mut self, sequence: u64) -> bool {
        if self.waiting == 0 || self.slots[self.head].sequence != sequence {
            return false;
        }
        // INVARIANT: The slots that stay have kept their order.
        self.head = self.index(1);
        self.waiting -= 1;
        true
    }

    /// Returns the `nth` event that is here, from the oldest, without taking it.
    pub(super) fn peek(&self, nth: usize) -> Option<Pending> {
        (nth < self.waiting).then(|| self.slots[self.index(nth)])
    }

    /// Returns the newest event that is here, without taking it.
    pub(super) fn newest(&self) -> Option<Pending> {
        self.peek(self.waiting.checked_sub(1)?)
    }

    /// The number of the event that came last.
    pub(super) fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// How many events wait for a reader.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many events were lost to a full queue.
    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }
}
