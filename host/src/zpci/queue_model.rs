// SPDX-License-Identifier: GPL-2.0-only

//! What a queue should be like: a plain list, and what has become of everything.

use super::{
    ccdf::ErrorEvent,
    common::{
        event,
        PERMANENT,
        RECOVERABLE, //
    },
    queue::{
        Pending,
        Queue,
        Recovery,
        Taken, //
    }, //
};

pub(super) const READERS: usize = 3;

/// One call of the queue.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Push(u16, Recovery),
    PushStale(u16),
    Lose,
    /// A reader asks for an event. If it has one already that has arrived.
    Take(usize),
    Delivered(usize),
    GiveBack(usize),
    Reset,
}

/// An event in the model.
#[derive(Clone, Copy, Debug)]
struct Kept {
    event: ErrorEvent,
    sequence: u64,
    timestamp: u64,
    recovery: Recovery,
    stale: bool,
    reader: Option<usize>,
}

impl Kept {
    fn is_permanent(&self) -> bool {
        let bytes = self.event.bytes();

        PERMANENT.contains(&u16::from_be_bytes([bytes[30], bytes[31]]))
    }

    fn waits(&self) -> bool {
        self.reader.is_none()
    }

    fn is(&self, pending: &Pending) -> bool {
        (self.event, self.sequence, self.timestamp, self.recovery)
            == (
                pending.event,
                pending.sequence,
                pending.timestamp,
                pending.recovery,
            )
    }
}

/// A queue, its readers, and what it should be like.
#[derive(Default)]
pub(super) struct Run {
    queue: Queue,
    readers: [Option<Taken>; READERS],
    kept: Vec<Kept>,
    captured: u64,
    delivered: Vec<u64>,
    dropped: Vec<u64>,
}

impl Run {
    /// Makes a queue with some transient events in it.
    pub(super) fn with(events: usize) -> Self {
        let mut run = Self::default();

        for _ in 0..events {
            run.apply(Op::Push(RECOVERABLE, Recovery::Owner));
        }
        run
    }

    pub(super) fn apply(&mut self, op: Op) {
        match op {
            Op::Push(code, recovery) => self.push(code, recovery, false),
            Op::PushStale(code) => self.push(code, Recovery::Owner, true),
            Op::Lose => {
                self.captured += 1;
                self.dropped.push(self.captured);
                self.queue.lose();
            }
            Op::Take(reader) => {
                self.delivered(reader);
                self.take(reader);
            }
            Op::Delivered(reader) => self.delivered(reader),
            Op::GiveBack(reader) => self.give_back(reader),
            Op::Reset => {
                self.kept.iter_mut().for_each(|kept| kept.stale = true);
                self.queue.reset();
            }
        }
        self.check();
    }

    fn push(&mut self, code: u16, recovery: Recovery, stale: bool) {
        self.captured += 1;
        let new = Kept {
            event: event(self.captured, code),
            sequence: self.captured,
            timestamp: self.captured * 1000,
            recovery,
            stale,
            reader: None,
        };
        let replaceable = self
            .kept
            .iter()
            .position(|k| k.waits() && !k.is_permanent());
        let keeps = if !new.is_permanent() {
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
        let kept = if stale {
            self.queue.push_stale(new.event, new.timestamp)
        } else {
            self.queue.push(new.event, new.timestamp, recovery)
        };

        assert_eq!(kept, keeps, "whether event {} is kept", new.sequence);
    }

    fn take(&mut self, reader: usize) {
        let taken = self.queue.take();
        let behind = self.kept.iter().filter(|k| k.waits()).count();

        match (taken, self.kept.iter_mut().find(|k| k.waits())) {
            (Some(taken), Some(oldest)) => {
                assert!(oldest.is(&taken.pending), "{taken:?} is not {oldest:?}");
                assert_eq!(taken.stale, oldest.stale);
                assert_eq!(taken.behind, behind - 1);
                assert_eq!(taken.dropped as usize, self.dropped.len());
                oldest.reader = Some(reader);
            }
            (None, None) => (),
            (taken, oldest) => panic!("{taken:?} was taken, but the oldest is {oldest:?}"),
        }
        self.readers[reader] = taken;
    }

    fn delivered(&mut self, reader: usize) {
        if let Some(taken) = self.readers[reader].take() {
            self.queue.arrived(1);
            self.kept.retain(|kept| kept.reader != Some(reader));
            self.delivered.push(taken.pending.sequence);
        }
    }

    fn give_back(&mut self, reader: usize) {
        if let Some(taken) = self.readers[reader].take() {
            self.queue.give_back(&taken);
            self.kept
                .iter_mut()
                .filter(|kept| kept.reader == Some(reader))
                .for_each(|kept| kept.reader = None);
        }
    }

    /// What is true after every call.
    fn check(&self) {
        let handed_out = self.readers.iter().flatten().count();
        let waiting = self.queue.waiting();
        let dropped = self.queue.dropped() as usize;

        assert_eq!(waiting, self.kept.iter().filter(|k| k.waits()).count());
        assert_eq!(dropped, self.dropped.len());
        assert!(waiting + handed_out <= Queue::SLOTS);
        assert_eq!(
            self.captured as usize,
            self.delivered.len() + waiting + handed_out + dropped,
            "nothing is lost silently"
        );
    }

    /// Lets the readers end, and one more take what is left.
    pub(super) fn finish(mut self) {
        self.apply(Op::GiveBack(0));
        for reader in 1..READERS {
            self.apply(Op::Delivered(reader));
        }
        let begin = self.delivered.len();

        while self.queue.waiting() > 0 {
            self.apply(Op::Take(0));
        }
        self.apply(Op::Take(0));
        assert!(self.readers[0].is_none());
        assert!(self.delivered[begin..].is_sorted_by(|a, b| a < b));

        // The gaps that the readers have seen are the events that the queue says it has dropped.
        let dropped = self.queue.dropped() as usize;
        let mut all = self.delivered;

        assert_eq!(self.captured as usize - all.len(), dropped);
        all.extend(&self.dropped);
        all.sort_unstable();
        assert!(all.into_iter().eq(1..=self.captured), "each exactly once");
    }
}
