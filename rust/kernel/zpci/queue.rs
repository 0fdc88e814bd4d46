// SPDX-License-Identifier: GPL-2.0-only

//! The queue of the error events that a function's owner has not read yet.
//!
//! Nothing here depends on the kernel, so this file can also be compiled outside of the kernel and
//! tested against a model. In the kernel the session lock protects the queue.

use super::{
    ccdf::{
        Ccdf,
        Severity, //
    },
    session::RecoveredBy, //
};

/// One unread event in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    /// The event, in the platform's layout.
    pub(super) event: Ccdf,
    /// The event's sequence number, counted from 1 since the function was opened.
    pub(super) sequence: u64,
    /// The time at which the event was captured, in nanoseconds of the monotonic clock.
    pub(super) timestamp: u64,
    /// The side that recovers the function from this event.
    pub(super) recovered_by: RecoveredBy,
}

impl Pending {
    const NONE: Self = Self {
        event: Ccdf::NONE,
        sequence: 0,
        timestamp: 0,
        recovered_by: RecoveredBy::Owner,
    };

    // Not inlined: otherwise the compiler unrolls the search in `make_room`, which makes the code
    // larger.
    #[inline(never)]
    fn is_permanent(&self) -> bool {
        matches!(self.event.pec().severity(), Severity::Permanent)
    }
}

/// A bounded queue of unread error events, oldest first.
///
/// # Invariants
///
/// `waiting <= Queue::SLOTS`. The sequence numbers of the first `waiting` slots increase.
pub(super) struct Queue {
    slots: [Pending; Self::SLOTS],
    waiting: usize,
    last_sequence: u64,
    dropped: u32,
}

impl Queue {
    /// The maximum number of transient events in the queue. An event is transient unless it reports
    /// a permanent failure.
    pub(super) const TRANSIENT: usize = 16;

    /// The number of slots: one slot for each transient event, and one for a permanent failure.
    pub(super) const SLOTS: usize = Self::TRANSIENT + 1;

    /// Makes an empty queue.
    pub(super) const fn new() -> Self {
        // INVARIANT: The queue is empty.
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

    /// Removes the `nth` event, if there is one, and moves the later events up.
    fn remove_nth(&mut self, nth: usize) {
        let Some(removed @ [_, ..]) = self.slots.get_mut(nth..self.waiting) else {
            return;
        };

        // Skip the move if no event is behind the removed event, which usually was the only event.
        if removed.len() > 1 {
            removed.copy_within(1.., 0);
        }
        // INVARIANT: The remaining slots have kept their order.
        self.waiting -= 1;
    }

    /// Makes room for an event, and returns whether there is room. If necessary, drops the oldest
    /// transient event to make room for a permanent failure.
    fn make_room(&mut self, permanent: bool) -> bool {
        if self.waiting < Self::TRANSIENT || (permanent && self.waiting < Self::SLOTS) {
            return true;
        }
        // If all slots hold permanent failures, there is no room.
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
    /// A dropped event is counted, and uses up a sequence number, so that a reader sees a gap. A
    /// transient event is dropped if [`Queue::TRANSIENT`] events are unread. A permanent failure
    /// may also take the last slot. If no slot is free, a permanent failure replaces the oldest
    /// transient event.
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
                // INVARIANT: The new sequence number is larger than all others in the queue.
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

    /// Counts an event that was dropped earlier, because the function's queue of unprocessed events
    /// was full. The dropped event uses up a sequence number.
    pub(super) fn drop_event(&mut self) {
        self.last_sequence += 1;
        self.count_dropped();
    }

    /// Removes the oldest event if its sequence number is `sequence`. Returns whether the event was
    /// removed.
    pub(super) fn remove(&mut self, sequence: u64) -> bool {
        let is_oldest = self
            .peek(0)
            .is_some_and(|oldest| oldest.sequence == sequence);

        if is_oldest {
            self.remove_nth(0);
        }
        is_oldest
    }

    /// Returns the `nth` event, counted from the oldest, without removing it.
    pub(super) fn peek(&self, nth: usize) -> Option<&Pending> {
        self.all().get(nth)
    }

    /// Returns the newest event without removing it.
    pub(super) fn newest(&self) -> Option<&Pending> {
        self.all().last()
    }

    /// The sequence number of the newest event, kept or dropped.
    pub(super) fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// The number of unread events.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The number of events dropped so far.
    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }
}
