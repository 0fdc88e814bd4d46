// SPDX-License-Identifier: GPL-2.0-only

//! A model of a session without its queue, which has its own model.

use super::{
    common::event,
    record::Record,
    session::RecoveredBy,
    session::{
        Session,
        Taken, //
    }, //
};

/// How many threads read and reset at the same time.
pub(super) const THREADS: usize = 2;

/// An hour, in nanoseconds.
pub(super) const HOUR: u64 = 3_600_000_000_000;

/// A call of a session.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// This number of nanoseconds passes.
    Wait(u64),
    /// Decides which side recovers a function, which may need a reset.
    Decide(bool),
    Capture(u16, RecoveredBy),
    Drop,
    Eventfd(bool),
    Listen,
    /// A reader copies the oldest event.
    Peek(usize),
    /// Removes the event that the reader has copied, unless another reader was faster.
    Arrived(usize),
    /// The owner's reset begins.
    Reset(usize),
    /// The owner's reset ends with success.
    Recovered(usize),
    /// The function is reset by another caller than its owner.
    InOrder,
}

/// A session, its readers and its model.
pub(super) struct Run {
    session: Session,
    readers: [Option<Taken>; THREADS],
    resets: [Option<u64>; THREADS],
    now: u64,
    guest: bool,
    eventfd: bool,
    has_asked: bool,
    /// The times at which the host has recovered the function in this hour, since the last reset.
    host: Vec<u64>,
    captured: u64,
    recovered: u64,
    last: Option<Taken>,
}

impl Run {
    pub(super) fn new(guest: bool) -> Self {
        Self {
            session: Session::new(guest),
            readers: [None; THREADS],
            resets: [None; THREADS],
            now: 0,
            guest,
            eventfd: false,
            has_asked: false,
            host: Vec::new(),
            captured: 0,
            recovered: 0,
            last: None,
        }
    }

    fn listens(&self) -> bool {
        self.has_asked || (self.eventfd && !self.guest)
    }

    fn waits(&self) -> bool {
        self.session.peek(0).is_some()
    }

    pub(super) fn apply(&mut self, op: Op) {
        match op {
            Op::Wait(time) => self.now += time,
            Op::Decide(lost) => self.decide(lost),
            Op::Capture(code, recovered_by) => self.capture(code, recovered_by),
            Op::Drop => {
                self.captured += 1;
                assert_eq!(self.session.drop_event(), self.session.overview().dropped);
            }
            Op::Eventfd(registered) => {
                self.eventfd = registered;
                assert_eq!(
                    self.session.set_eventfd(registered),
                    registered && self.listens() && self.waits()
                );
            }
            Op::Listen => {
                // The owner is not signalled a second time for the same events.
                let expected = !self.listens() && self.eventfd && self.waits();

                self.has_asked = true;
                assert_eq!(self.session.listen(), expected);
            }
            Op::Peek(reader) => self.readers[reader] = self.session.peek(0),
            Op::Arrived(reader) => self.arrived(reader),
            Op::Reset(thread) => self.resets[thread] = Some(self.session.last_sequence()),
            Op::Recovered(thread) => {
                if let Some(newest) = self.resets[thread].take() {
                    self.session.note_owner_reset(newest);
                    // A reset that began early and ends late makes no stale event fresh again.
                    self.recovered = self.recovered.max(newest);
                    self.host.clear();
                }
            }
            Op::InOrder => {
                self.session.note_reset();
                self.host.clear();
            }
        }
        self.check();
    }

    fn decide(&mut self, lost: bool) {
        if self
            .host
            .first()
            .is_some_and(|first| self.now - first >= HOUR)
        {
            self.host.clear();
        }
        let expected = if self.listens() {
            RecoveredBy::Owner
        } else if self.guest || lost || self.host.len() == 5 {
            RecoveredBy::Nobody
        } else {
            self.host.push(self.now);
            RecoveredBy::Host
        };

        assert_eq!(self.session.decide(lost, self.now), expected);
    }

    fn capture(&mut self, code: u16, recovered_by: RecoveredBy) {
        let before = self.session.overview();

        self.captured += 1;
        let captured = self
            .session
            .capture(event(self.captured, code), self.now, recovered_by);
        let dropped = self.session.overview().dropped;

        assert_eq!(captured.sequence, self.captured);
        assert_eq!(captured.listens, self.listens());
        assert_eq!(
            captured.dropped,
            (dropped > before.dropped).then_some(dropped)
        );
        // An event that is not kept is counted as dropped.
        assert!(captured.kept || captured.dropped.is_some());
    }

    fn arrived(&mut self, reader: usize) {
        let Some(taken) = self.readers[reader].take() else {
            return;
        };
        let oldest = self.session.peek(0);
        let is_oldest = oldest.is_some_and(|oldest| oldest.pending == taken.pending);

        assert_eq!(self.session.remove(&taken), is_oldest);
        if is_oldest {
            self.last = Some(taken);
            self.has_asked = true;
        }
    }

    /// Checks the conditions that hold after each call.
    fn check(&self) {
        let overview = self.session.overview();
        let seen: Vec<_> = (0..).map_while(|nth| self.session.peek(nth)).collect();

        assert_eq!(self.session.listens(), self.listens());
        assert_eq!(
            self.session.quiet(),
            (self.has_asked && seen.is_empty()).then_some(overview.dropped)
        );
        assert_eq!(
            (overview.guest, overview.listens),
            (self.guest, self.listens())
        );
        assert_eq!(overview.captured, self.captured);
        assert_eq!(self.session.last_sequence(), self.captured);
        assert_eq!(overview.waiting, seen.len());
        for (taken, behind) in seen.iter().zip((0..seen.len()).rev()) {
            assert_eq!(taken.behind, behind);
            assert_eq!(taken.dropped, overview.dropped);
            assert_eq!(taken.stale, taken.pending.sequence <= self.recovered);
        }

        let nothing = Record::empty(overview.dropped);
        let record = |taken: Option<Taken>| taken.map_or(nothing, |taken| Record::of(&taken));
        let newest = seen.last().or(self.last.as_ref()).map(|taken| Taken {
            stale: taken.pending.sequence <= self.recovered,
            behind: 0,
            dropped: overview.dropped,
            ..*taken
        });

        assert_eq!(self.session.dropped(), overview.dropped);
        assert_eq!(self.session.last(), record(self.last));
        assert_eq!(self.session.newest(), record(newest));
    }
}
