// SPDX-License-Identifier: GPL-2.0-only

//! What a session should be like, but for its queue, which has a model of its own.

use super::{
    common::{
        event,
        PERMANENT,
        RECOVERABLE, //
    },
    queue::{
        Recovery,
        Taken, //
    },
    record::Record,
    session::Session, //
};

/// One call of a session.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Capture(u16),
    CaptureStale,
    Lose,
    Eventfd(bool),
    Take,
    Delivered,
    GiveBack,
    Last,
    Reset,
}

/// A session, its reader, and what it should be like.
pub(super) struct Run {
    session: Session,
    reader: Option<Taken>,
    calls: u64,
    guest: bool,
    eventfd: bool,
    has_read: bool,
    /// A permanent failure was captured, and no reset has come since.
    failed: bool,
    /// The record of the event that was taken last, and has not come back.
    last: Option<Record>,
    /// What it was before.
    previous: Option<Record>,
    waiting: usize,
    unrecovered: bool,
}

impl Run {
    pub(super) fn new(guest: bool) -> Self {
        Self {
            session: Session::new(guest),
            reader: None,
            calls: 0,
            guest,
            eventfd: false,
            has_read: false,
            failed: false,
            last: None,
            previous: None,
            waiting: 0,
            unrecovered: false,
        }
    }

    pub(super) fn apply(&mut self, op: Op) {
        let number = self.calls;

        self.calls += 1;
        match op {
            Op::Capture(code) => self.capture(number, code),
            Op::CaptureStale => {
                let captured = self
                    .session
                    .capture_stale(event(number, RECOVERABLE), number);

                // Nothing is lost that is not counted.
                assert!(captured.kept || captured.dropped.is_some());
            }
            Op::Lose => {
                self.session.lose();
            }
            Op::Eventfd(registered) => {
                self.eventfd = registered;
                assert_eq!(
                    self.session.set_eventfd(registered),
                    registered && self.waiting > 0
                );
            }
            Op::Take if self.reader.is_none() => {
                self.reader = self.session.take();
                if let Some(taken) = &self.reader {
                    self.previous = self.last.replace(Record::of(taken));
                }
                assert_eq!(self.reader.is_some(), self.waiting > 0);
                self.has_read = true;
            }
            Op::Take => (),
            Op::Delivered => {
                if self.reader.take().is_some() {
                    self.session.arrived(1);
                }
            }
            Op::GiveBack => {
                if let Some(taken) = self.reader.take() {
                    self.session.give_back(&taken);
                    self.last = self.previous;
                }
            }
            Op::Last => {
                let expected = self.last.unwrap_or_else(|| self.session.nothing());

                assert_eq!(self.session.last(), expected);
                self.has_read = true;
            }
            Op::Reset => {
                self.session.reset();
                self.failed = false;
                self.unrecovered = false;
            }
        }
        let leftover = self.session.leftover();

        assert_eq!(self.session.listens(), self.eventfd || self.has_read);
        assert_eq!(leftover.unrecovered, self.unrecovered);
        self.waiting = leftover.unread;
    }

    fn capture(&mut self, number: u64, code: u16) {
        let lost = PERMANENT.contains(&code);
        let expected = if self.eventfd || self.has_read {
            Recovery::Owner
        } else if self.guest || self.failed || lost {
            Recovery::Nobody
        } else {
            Recovery::Host
        };

        assert_eq!(
            self.session.capture(event(number, code), number).recovery,
            expected
        );
        self.failed |= lost;
        self.unrecovered = match expected {
            Recovery::Host => false,
            Recovery::Owner | Recovery::Nobody => true,
        };
    }
}
