// SPDX-License-Identifier: GPL-2.0-only

//! The error events that an owner of a function has not read yet.
//!
//! Nothing here depends on the kernel: the same file is compiled for the host, where it is tested
//! against a model, and in the kernel, where a lock around it makes it safe to share.

use super::{
    ccdf::{
        Ccdf,
        Severity, //
    },
    session::RecoveredBy, //
};

/// One event in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    /// The event as the platform gave it.
    pub(super) event: Ccdf,
    /// Number of the event since the function was opened, from 1.
    pub(super) sequence: u64,
    /// When it was captured, nanoseconds of the monotonic clock.
    pub(super) timestamp: u64,
    /// The side that recovers from it.
    pub(super) recovered_by: RecoveredBy,
}

impl Pending {
    const NONE: Self = Self {
        event: Ccdf::NONE,
        sequence: 0,
        timestamp: 0,
        recovered_by: RecoveredBy::Owner,
    };

    // Out of line: a search for such an event is unrolled otherwise.
    #[inline(never)]
    fn is_permanent(&self) -> bool {
        matches!(self.event.pec().severity(), Severity::Permanent)
    }
}

/// A bounded queue of error events, oldest first.
///
/// # Invariants
///
/// `waiting <= Queue::SLOTS`. The first `waiting` slots are in order of their sequence numbers,
/// which are all different.
pub(super) struct Queue {
    slots: [Pending; Self::SLOTS],
    waiting: usize,
    last_sequence: u64,
    dropped: u32,
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
            waiting: 0,
            last_sequence: 0,
            dropped: 0,
        }
    }

    fn all(&self) -> &[Pending] {
        self.slots.get(..self.waiting).unwrap_or(&[])
    }

    /// Removes the `nth` event, if there is one, by moving those behind it up.
    fn remove_nth(&mut self, nth: usize) {
        let Some(removed @ [_, ..]) = self.slots.get_mut(nth..self.waiting) else {
            return;
        };

        // Most often it is the only one, and nothing is to be moved.
        if removed.len() > 1 {
            removed.copy_within(1.., 0);
        }
        // INVARIANT: The slots that stay have kept their order.
        self.waiting -= 1;
    }

    /// Makes room for an event, by dropping an older transient one if a permanent failure needs
    /// its place. Returns whether there is room.
    fn make_room(&mut self, permanent: bool) -> bool {
        if self.waiting < Self::TRANSIENT || (permanent && self.waiting < Self::SLOTS) {
            return true;
        }
        // Every slot may hold a permanent failure already.
        let oldest = self.all().iter().position(|event| !event.is_permanent());
        let Some(oldest) = oldest.filter(|_| permanent) else {
            return false;
        };

        self.remove_nth(oldest);
        self.count_dropped();
        true
    }

    fn count_dropped(&mut self) {
        self.dropped = self.dropped.saturating_add(1);
    }

    /// Adds an event, and returns whether it was kept.
    ///
    /// An event that is not kept still has a number, so that a reader sees a gap, and is counted
    /// as dropped. A transient event is not kept if [`Queue::TRANSIENT`] events are there. A
    /// permanent failure takes the slot reserved for it, or that of the oldest transient event.
    pub(super) fn push(&mut self, event: Ccdf, timestamp: u64, recovered_by: RecoveredBy) -> bool {
        self.last_sequence += 1;
        let pending = Pending {
            event,
            sequence: self.last_sequence,
            timestamp,
            recovered_by,
        };
        let has_room = self.make_room(pending.is_permanent());

        match self.slots.get_mut(self.waiting) {
            Some(slot) if has_room => {
                // INVARIANT: The new number is larger than all others.
                *slot = pending;
                self.waiting += 1;
                true
            }
            _ => {
                self.count_dropped();
                false
            }
        }
    }

    /// Counts an event that was dropped on its way here. It has a number, as all have.
    pub(super) fn drop_event(&mut self) {
        self.last_sequence += 1;
        self.count_dropped();
    }

    /// Removes the oldest event, if it is the one with this number. Returns whether it was.
    pub(super) fn remove(&mut self, sequence: u64) -> bool {
        let is_oldest = self
            .peek(0)
            .is_some_and(|oldest| oldest.sequence == sequence);

        if is_oldest {
            self.remove_nth(0);
        }
        is_oldest
    }

    /// Returns the `nth` event that is here, from the oldest, without taking it.
    pub(super) fn peek(&self, nth: usize) -> Option<&Pending> {
        self.all().get(nth)
    }

    /// Returns the newest event that is here, without taking it.
    pub(super) fn newest(&self) -> Option<&Pending> {
        self.all().last()
    }

    /// The number of the event that came last.
    pub(super) fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// How many events wait for a reader.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many events were dropped.
    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }
}
