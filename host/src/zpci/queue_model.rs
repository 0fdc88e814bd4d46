// SPDX-License-Identifier: GPL-2.0-only

//! A model of the queue: a plain list, and a note of what became of each event.

use super::{
    common::{
        event,
        PERMANENT,
        RECOVERABLE, //
    },
    queue::{
        Pending,
        Queue, //
    },
    session::RecoveredBy, //
};

/// One call of the queue.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Push(u16, RecoveredBy),
    Drop,
    /// Removes the event that is `nth` from the oldest; only the oldest one can be removed.
    Remove(usize),
    /// Removes an event that is not in the queue any more.
    RemoveAgain,
}

fn is_permanent(pending: &Pending) -> bool {
    let bytes = pending.event.bytes();

    PERMANENT.contains(&u16::from_be_bytes([bytes[30], bytes[31]]))
}

/// A queue and its model.
pub(super) struct Run {
    queue: Queue,
    kept: Vec<Pending>,
    captured: u64,
    delivered: Vec<u64>,
    dropped: Vec<u64>,
}

impl Run {
    /// Makes a queue with this number of transient events.
    pub(super) fn with(events: usize) -> Self {
        let mut run = Self {
            queue: Queue::new(),
            kept: Vec::new(),
            captured: 0,
            delivered: Vec::new(),
            dropped: Vec::new(),
        };

        for _ in 0..events {
            run.apply(Op::Push(RECOVERABLE, RecoveredBy::Owner));
        }
        run
    }

    pub(super) fn apply(&mut self, op: Op) {
        match op {
            Op::Push(code, recovered_by) => self.push(code, recovered_by),
            Op::Drop => {
                self.captured += 1;
                self.dropped.push(self.captured);
                self.queue.drop_event();
            }
            Op::Remove(nth) => {
                let sequence = self.queue.peek(nth).map_or(0, |pending| pending.sequence);
                let is_oldest = nth == 0 && !self.kept.is_empty();

                assert_eq!(self.queue.remove(sequence), is_oldest);
                if is_oldest {
                    self.delivered.push(self.kept.remove(0).sequence);
                }
            }
            Op::RemoveAgain => {
                let sequence = self.delivered.last().copied().unwrap_or(0);

                assert!(!self.queue.remove(sequence));
            }
        }
        self.check();
    }

    fn push(&mut self, code: u16, recovered_by: RecoveredBy) {
        self.captured += 1;
        let new = Pending {
            event: event(self.captured, code),
            sequence: self.captured,
            timestamp: self.captured * 1000,
            recovered_by,
        };
        let replaceable = self.kept.iter().position(|kept| !is_permanent(kept));
        let keeps = if !is_permanent(&new) {
            self.kept.len() < 16
        } else if self.kept.len() < 17 {
            true
        } else if let Some(oldest) = replaceable {
            self.dropped.push(self.kept.remove(oldest).sequence);
            true
        } else {
            false
        };

        if keeps {
            self.kept.push(new);
        } else {
            self.dropped.push(new.sequence);
        }
        assert_eq!(
            self.queue.push(new.event, new.timestamp, recovered_by),
            keeps,
            "whether event {} is kept",
            new.sequence
        );
    }

    /// Checks the conditions that hold after each call.
    fn check(&self) {
        let seen = (0..).map_while(|nth| self.queue.peek(nth).copied());
        let seen: Vec<_> = seen.collect();

        assert_eq!(seen, self.kept);
        assert_eq!(self.queue.waiting(), seen.len());
        assert_eq!(self.queue.newest(), seen.last());
        assert_eq!(self.queue.last_sequence(), self.captured);
        assert_eq!(self.queue.dropped() as usize, self.dropped.len());
        assert!(seen.len() <= Queue::SLOTS);
        assert_eq!(
            self.captured as usize,
            self.delivered.len() + seen.len() + self.dropped.len(),
            "nothing is lost silently"
        );
    }

    /// Takes all remaining events.
    pub(super) fn finish(mut self) {
        while self.queue.waiting() > 0 {
            self.apply(Op::Remove(0));
        }
        self.apply(Op::Remove(0));
        assert!(self.delivered.is_sorted_by(|a, b| a < b));

        let mut all = [self.delivered, self.dropped].concat();

        all.sort_unstable();
        assert!(all.into_iter().eq(1..=self.captured), "each exactly once");
    }
}
