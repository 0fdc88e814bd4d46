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
pub enum Recovery {
    /// The owner, in user space.
    Owner,
    /// The host, behind an owner that does not listen.
    Host,
    /// Nobody: the owner does not listen, and the host must not touch what a guest has.
    Nobody,
}

impl Recovery {
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
    pub(super) recovery: Recovery,
    /// How many resets there had been when it was captured.
    resets: u32,
}

impl Pending {
    const NONE: Self = Self {
        event: ErrorEvent::NONE,
        sequence: 0,
        timestamp: 0,
        recovery: Recovery::Owner,
        resets: 0,
    };

    fn is_permanent(&self) -> bool {
        matches!(self.event.pec().severity(), Severity::Permanent)
    }
}

/// An event handed out to one reader, with what the queue knew of it at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// The event.
    pub(super) pending: Pending,
    /// Whether the function has been reset since the event.
    pub(super) stale: bool,
    /// Events that wait behind this one.
    pub(super) behind: usize,
    /// Events lost to a full queue so far.
    pub(super) dropped: u32,
}

/// A bounded queue of error events, oldest first.
///
/// An event is taken in two steps: [`Queue::take`] hands it to one reader, which then either has
/// it ([`Queue::arrived`]) or gives it back ([`Queue::give_back`]). So an event is never lost to a
/// reader that failed, and never reaches two readers. Its slot stays reserved until then.
///
/// # Invariants
///
/// - `head < Queue::SLOTS` and `waiting + handed_out <= Queue::SLOTS`.
/// - The `waiting` slots from `head` on, wrapping, are in order of their sequence numbers, which
///   are all different.
pub(super) struct Queue {
    slots: [Pending; Self::SLOTS],
    head: usize,
    waiting: usize,
    handed_out: usize,
    last_sequence: u64,
    dropped: u32,
    resets: u32,
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
            handed_out: 0,
            last_sequence: 0,
            dropped: 0,
            resets: 0,
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
        let used = self.waiting + self.handed_out;

        if used < Self::TRANSIENT || (permanent && used < Self::SLOTS) {
            return true;
        }
        permanent && self.drop_oldest_transient()
    }

    fn drop_oldest_transient(&mut self) -> bool {
        let oldest = (0..self.waiting).find(|&nth| !self.slots[self.index(nth)].is_permanent());
        let Some(oldest) = oldest else {
            // Every slot holds a permanent failure already, or is with a reader.
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
    pub(super) fn push(&mut self, event: ErrorEvent, timestamp: u64, recovery: Recovery) -> bool {
        self.append(event, timestamp, recovery, self.resets)
    }

    /// Adds an event that is older than the last reset, like [`Queue::push`].
    pub(super) fn push_stale(&mut self, event: ErrorEvent, timestamp: u64) -> bool {
        self.append(
            event,
            timestamp,
            Recovery::Owner,
            self.resets.wrapping_sub(1),
        )
    }

    /// Counts an event that there was no way to add. It has a number, as all have.
    pub(super) fn lose(&mut self) {
        self.last_sequence += 1;
        self.dropped = self.dropped.saturating_add(1);
    }

    fn append(
        &mut self,
        event: ErrorEvent,
        timestamp: u64,
        recovery: Recovery,
        resets: u32,
    ) -> bool {
        self.last_sequence += 1;
        let pending = Pending {
            event,
            sequence: self.last_sequence,
            timestamp,
            recovery,
            resets,
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

    /// Hands out the oldest event.
    pub(super) fn take(&mut self) -> Option<Taken> {
        if self.waiting == 0 {
            return None;
        }
        let pending = self.slots[self.head];

        // INVARIANT: What is not waiting anymore is handed out.
        self.head = self.index(1);
        self.waiting -= 1;
        self.handed_out += 1;
        Some(Taken {
            pending,
            stale: self.is_stale(&pending),
            behind: self.waiting,
            dropped: self.dropped,
        })
    }

    /// Notes that `count` of the events that were handed out have reached their readers.
    pub(super) fn arrived(&mut self, count: usize) {
        self.handed_out -= count;
    }

    /// Takes back an event that has not reached its reader. The next one gets it, unless an older
    /// one comes back as well.
    pub(super) fn give_back(&mut self, taken: &Taken) {
        let older = (0..self.waiting)
            .take_while(|&nth| self.slots[self.index(nth)].sequence < taken.pending.sequence)
            .count();

        // INVARIANT: A slot is free, as this event was handed out. Those that are older move to
        // make room, and stay in order.
        self.handed_out -= 1;
        self.head = self.index(Self::SLOTS - 1);
        self.waiting += 1;
        for nth in 0..older {
            self.slots[self.index(nth)] = self.slots[self.index(nth + 1)];
        }
        let index = self.index(older);
        self.slots[index] = taken.pending;
    }

    /// Marks all events that are here as older than the last reset.
    pub(super) fn reset(&mut self) {
        self.resets = self.resets.wrapping_add(1);
    }

    /// Returns the `nth` event that is here, from the oldest, without taking it.
    pub(super) fn peek(&self, nth: usize) -> Option<Pending> {
        (nth < self.waiting).then(|| self.slots[self.index(nth)])
    }

    /// Returns the newest event that is here, without taking it.
    pub(super) fn newest(&self) -> Option<Pending> {
        self.peek(self.waiting.checked_sub(1)?)
    }

    /// Whether the function has been reset since an event.
    pub(super) fn is_stale(&self, pending: &Pending) -> bool {
        pending.resets != self.resets
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
