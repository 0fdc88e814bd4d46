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
        matches!(self.event.code().severity(), Severity::Permanent)
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Waiting,
    HandedOut,
}

/// A bounded queue of error events, oldest first.
///
/// An event is taken in two steps: [`Queue::take`] hands it to one reader, which then either says
/// that it has it ([`Queue::delivered`]) or gives it back ([`Queue::give_back`]). So an event is
/// never lost to a reader that failed, and never reaches two readers.
///
/// # Invariants
///
/// - `head < Queue::SLOTS` and `len <= Queue::SLOTS`.
/// - The `len` slots from `head` on, wrapping, are in order of their sequence numbers, which are
///   all different.
pub(super) struct Queue {
    slots: [(Slot, Pending); Self::SLOTS],
    head: usize,
    len: usize,
    waiting: usize,
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
            slots: [(Slot::Waiting, Pending::NONE); Self::SLOTS],
            head: 0,
            len: 0,
            waiting: 0,
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

    fn position(&self, mut wanted: impl FnMut(&(Slot, Pending)) -> bool) -> Option<usize> {
        (0..self.len).find(|&nth| wanted(&self.slots[self.index(nth)]))
    }

    /// Removes the `nth` slot, counted from the head. The head itself costs nothing.
    fn remove(&mut self, nth: usize) {
        if nth == 0 {
            self.head = self.index(1);
        } else {
            for later in nth + 1..self.len {
                self.slots[self.index(later - 1)] = self.slots[self.index(later)];
            }
        }
        // INVARIANT: The slots that stay have kept their order.
        self.len -= 1;
    }

    /// Makes room for an event, by dropping an older transient one if a permanent failure needs
    /// its place. Returns whether there is room.
    fn make_room(&mut self, permanent: bool) -> bool {
        if self.len < Self::TRANSIENT || (permanent && self.len < Self::SLOTS) {
            return true;
        }
        if !permanent {
            return false;
        }
        match self.position(|(slot, pending)| *slot == Slot::Waiting && !pending.is_permanent()) {
            Some(nth) => {
                self.remove(nth);
                self.waiting -= 1;
                self.dropped = self.dropped.saturating_add(1);
                true
            }
            // Every slot holds a permanent failure already, or is with a reader.
            None => false,
        }
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
        let tail = self.index(self.len);
        self.slots[tail] = (Slot::Waiting, pending);
        self.len += 1;
        self.waiting += 1;
        true
    }

    /// Hands out the oldest event that waits.
    pub(super) fn take(&mut self) -> Option<Taken> {
        let nth = self.position(|(slot, _)| *slot == Slot::Waiting)?;
        let index = self.index(nth);
        let (slot, pending) = &mut self.slots[index];

        *slot = Slot::HandedOut;
        let pending = *pending;
        self.waiting -= 1;
        Some(Taken {
            pending,
            stale: self.is_stale(&pending),
            behind: self.waiting,
            dropped: self.dropped,
        })
    }

    #[inline]
    fn handed_out(&self, sequence: u64) -> Option<usize> {
        self.position(|(slot, pending)| *slot == Slot::HandedOut && pending.sequence == sequence)
    }

    /// Says that the event with this number has reached its reader. It leaves the queue.
    pub(super) fn delivered(&mut self, sequence: u64) {
        if let Some(nth) = self.handed_out(sequence) {
            self.remove(nth);
        }
    }

    /// Says that the event with this number has not reached its reader. The next one gets it.
    pub(super) fn give_back(&mut self, sequence: u64) {
        if let Some(nth) = self.handed_out(sequence) {
            let index = self.index(nth);

            self.slots[index].0 = Slot::Waiting;
            self.waiting += 1;
        }
    }

    /// Marks all events that are here as older than the last reset.
    pub(super) fn reset(&mut self) {
        self.resets = self.resets.wrapping_add(1);
    }

    /// Returns the `nth` event that is here, from the oldest, without taking it.
    pub(super) fn peek(&self, nth: usize) -> Option<Pending> {
        (nth < self.len).then(|| self.slots[self.index(nth)].1)
    }

    /// Returns the newest event that is here, without taking it.
    pub(super) fn newest(&self) -> Option<Pending> {
        self.peek(self.len.checked_sub(1)?)
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
