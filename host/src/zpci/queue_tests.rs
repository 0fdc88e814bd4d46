// SPDX-License-Identifier: GPL-2.0-only

//! The queue does what a plain model does, for any sequence of calls.
//!
//! Numbers in brackets are those of the scenarios that were collected from the review of the C
//! version.

use super::{
    ccdf::ErrorEvent,
    common::{
        self,
        cases,
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
use proptest::prelude::*;

const READERS: usize = 3;

/// One call of the queue.
#[derive(Clone, Copy, Debug)]
enum Op {
    Push(u16, Recovery),
    PushStale(u16),
    Lose,
    /// A reader asks for an event. If it has one already that has arrived.
    Take(usize),
    Delivered(usize),
    GiveBack(usize),
    /// Somebody claims to have the event with this number, which no reader has.
    Lie(u64),
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
struct Run {
    queue: Queue,
    readers: [Option<Taken>; READERS],
    kept: Vec<Kept>,
    captured: u64,
    delivered: Vec<u64>,
    dropped: Vec<u64>,
}

impl Run {
    /// Makes a queue with some transient events in it.
    fn with(events: usize) -> Self {
        let mut run = Self::default();

        for _ in 0..events {
            run.apply(Op::Push(RECOVERABLE, Recovery::Owner));
        }
        run
    }

    fn apply(&mut self, op: Op) {
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
            Op::Lie(sequence) => {
                if self
                    .kept
                    .iter()
                    .all(|k| k.sequence != sequence || k.waits())
                {
                    self.queue.delivered(sequence);
                    self.queue.give_back(sequence);
                }
            }
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
            self.queue.delivered(taken.pending.sequence);
            self.kept.retain(|kept| kept.reader != Some(reader));
            self.delivered.push(taken.pending.sequence);
        }
    }

    fn give_back(&mut self, reader: usize) {
        if let Some(taken) = self.readers[reader].take() {
            self.queue.give_back(taken.pending.sequence);
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
    fn finish(mut self) {
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

fn recovery() -> impl Strategy<Value = Recovery> {
    prop::sample::select(&[Recovery::Owner, Recovery::Host, Recovery::Nobody][..])
}

fn code() -> impl Strategy<Value = u16> {
    prop_oneof![3 => common::recoverable(), 1 => common::permanent()]
}

/// One call; `pushes` says how much more often than others something is pushed.
fn op(pushes: u32) -> impl Strategy<Value = Op> {
    prop_oneof![
        pushes => (code(), recovery()).prop_map(|(code, recovery)| Op::Push(code, recovery)),
        1 => code().prop_map(Op::PushStale),
        1 => Just(Op::Lose),
        6 => (0..READERS).prop_map(Op::Take),
        3 => (0..READERS).prop_map(Op::Delivered),
        3 => (0..READERS).prop_map(Op::GiveBack),
        1 => (0..64u64).prop_map(Op::Lie),
        1 => Just(Op::Reset),
    ]
}

proptest! {
    #![proptest_config(cases(4096))]

    // Any calls, now with a queue that is often empty, now with one that is often full: oldest
    // first, exactly once, nothing lost silently. (3, 4, 5, 7, 8, 21, 24, 70)
    #[test]
    fn any_calls_do_what_the_model_does(
        ops in (1..24u32).prop_flat_map(|pushes| prop::collection::vec(op(pushes), 0..200)),
    ) {
        let mut run = Run::default();

        for op in ops {
            run.apply(op);
        }
        run.finish();
    }
}

// The same for all short sequences of calls there are, with a queue that is almost full or full.
#[test]
fn all_calls_at_the_brink_do_what_the_model_does() {
    const CALLS: [Op; 7] = [
        Op::Push(RECOVERABLE, Recovery::Owner),
        Op::Push(PERMANENT[0], Recovery::Owner),
        Op::Take(0),
        Op::Take(1),
        Op::Delivered(0),
        Op::GiveBack(0),
        Op::Reset,
    ];
    const LENGTH: u32 = 5;

    for number in 0..CALLS.len().pow(LENGTH) {
        for events in 14..=16 {
            let mut run = Run::with(events);
            let mut rest = number;

            for _ in 0..LENGTH {
                run.apply(CALLS[rest % CALLS.len()]);
                rest /= CALLS.len();
            }
            run.finish();
        }
    }
}

// The order is kept over any number of events, at any fill level, also where indices wrap. (7)
#[test]
fn order_is_kept_for_hundreds_of_events_at_any_fill_level() {
    for level in 1..=Queue::TRANSIENT {
        let mut run = Run::with(level - 1);

        for _ in 0..600 {
            run.apply(Op::Push(RECOVERABLE, Recovery::Owner));
            run.apply(Op::Take(0));
            run.apply(Op::Delivered(0));
        }
        assert!(run.dropped.is_empty());
        assert!(run.delivered.iter().copied().eq(1..=600));
        run.finish();
    }
}

// Without events there is nothing to take. (1)
#[test]
fn an_empty_queue_has_nothing() {
    let mut queue = Queue::new();

    assert_eq!(queue.take(), None);
    assert_eq!((queue.waiting(), queue.dropped()), (0, 0));
}

// An event comes out with all that it went in with, as number 1, and only once. (2)
#[test]
fn an_event_comes_out_as_it_went_in() {
    let mut queue = Queue::new();
    let event = ErrorEvent::new([0xa5; 32]);

    assert!(queue.push(event, 77, Recovery::Nobody));
    let taken = queue.take().unwrap();

    assert_eq!(taken.pending.event, event);
    assert_eq!(taken.pending.sequence, 1);
    assert_eq!(taken.pending.timestamp, 77);
    assert_eq!(taken.pending.recovery, Recovery::Nobody);
    assert_eq!((taken.stale, taken.behind, taken.dropped), (false, 0, 0));
    assert_eq!(queue.take(), None);
    queue.delivered(1);
    assert_eq!(queue.take(), None);
}

/// The numbers of all events that wait.
fn drain(queue: &mut Queue) -> Vec<u64> {
    std::iter::from_fn(|| {
        let taken = queue.take()?;

        queue.delivered(taken.pending.sequence);
        Some(taken.pending.sequence)
    })
    .collect()
}

fn push(queue: &mut Queue, code: u16) -> bool {
    queue.push(event(0, code), 0, Recovery::Owner)
}

// Sixteen events are kept, as in version 1; the next one is missing, and counted. (4)
#[test]
fn the_seventeenth_transient_event_is_dropped_and_counted() {
    let mut queue = Queue::new();

    for _ in 0..16 {
        assert!(push(&mut queue, RECOVERABLE));
    }
    assert_eq!(queue.dropped(), 0);
    assert!(!push(&mut queue, RECOVERABLE));
    assert_eq!(queue.dropped(), 1);
    assert_eq!(drain(&mut queue), Vec::from_iter(1..=16));

    // The gap is where the event would have been.
    assert!(push(&mut queue, RECOVERABLE));
    let taken = queue.take().unwrap();

    assert_eq!((taken.pending.sequence, taken.dropped), (18, 1));
}

// The last slot takes a permanent failure, of either code, and nothing has to go for it. (5)
#[test]
fn a_slot_is_kept_for_a_permanent_failure() {
    for code in PERMANENT {
        let mut queue = Queue::new();

        for _ in 0..20 {
            push(&mut queue, RECOVERABLE);
        }
        assert!(push(&mut queue, code));
        assert_eq!((queue.waiting(), queue.dropped()), (17, 4));
        assert!(!push(&mut queue, RECOVERABLE));
        assert_eq!(drain(&mut queue), Vec::from_iter((1..=16).chain([21])));
    }
}

// A further permanent failure takes the place of the oldest transient event that waits. (5)
#[test]
fn a_further_permanent_failure_replaces_the_oldest_transient_event() {
    let mut queue = Queue::new();

    push(&mut queue, PERMANENT[0]);
    for _ in 0..15 {
        push(&mut queue, RECOVERABLE);
    }
    // The permanent failure and one transient event are with readers.
    queue.take();
    queue.take();
    assert!(push(&mut queue, PERMANENT[1]));
    assert_eq!(queue.dropped(), 0);
    assert!(push(&mut queue, PERMANENT[1]));
    assert_eq!((queue.waiting(), queue.dropped()), (15, 1));

    queue.give_back(1);
    queue.give_back(2);
    assert_eq!(
        drain(&mut queue),
        Vec::from_iter([1, 2].into_iter().chain(4..=18))
    );
}

// Permanent failures only make room for each other if there is some: the oldest are kept.
#[test]
fn a_permanent_failure_never_replaces_another() {
    let mut queue = Queue::new();

    for _ in 0..Queue::SLOTS {
        assert!(push(&mut queue, PERMANENT[0]));
    }
    assert!(!push(&mut queue, PERMANENT[1]));
    assert_eq!(queue.dropped(), 1);
    assert_eq!(drain(&mut queue), Vec::from_iter(1..=17));
}

// However many events come, what is kept is bounded and everything is accounted for. (24)
#[test]
fn a_storm_is_bounded_and_counted() {
    let mut queue = Queue::new();

    for number in 0..100_000 {
        push(
            &mut queue,
            [RECOVERABLE, PERMANENT[0]][usize::from(number % 10 == 9)],
        );
        assert!(queue.waiting() <= 17);
    }
    assert_eq!((queue.waiting(), queue.dropped()), (17, 100_000 - 17));
    assert_eq!(drain(&mut queue), Vec::from_iter((1..=17).map(|n| n * 10)));
}

// An event that did not arrive is the next one that is taken, before younger ones. (8)
#[test]
fn an_event_given_back_is_the_next_one() {
    let mut queue = Queue::new();

    for _ in 0..3 {
        push(&mut queue, RECOVERABLE);
    }
    assert_eq!(queue.take().unwrap().pending.sequence, 1);
    assert_eq!(queue.take().unwrap().pending.sequence, 2);
    queue.give_back(1);
    assert_eq!(queue.waiting(), 2);
    let again = queue.take().unwrap();

    assert_eq!((again.pending.sequence, again.behind), (1, 1));
    queue.give_back(2);
    queue.give_back(1);
    assert_eq!(drain(&mut queue), [1, 2, 3]);
}

// Only the reader that has an event can say anything about it.
#[test]
fn an_event_that_nobody_has_is_neither_delivered_nor_given_back() {
    let mut queue = Queue::new();

    push(&mut queue, RECOVERABLE);
    queue.delivered(1);
    queue.give_back(1);
    assert_eq!(queue.waiting(), 1);

    queue.take();
    queue.delivered(2);
    queue.give_back(2);
    assert_eq!(queue.waiting(), 0);
    queue.delivered(1);
    queue.give_back(1);
    assert_eq!(queue.waiting(), 0);
    assert_eq!(queue.take(), None);
}

// An event is stale if there was a reset since it was captured, or if it was already then. (70)
#[test]
fn an_event_is_stale_after_a_reset() {
    let mut queue = Queue::new();

    push(&mut queue, RECOVERABLE);
    assert!(!queue.take().unwrap().stale);
    queue.give_back(1);
    queue.reset();
    push(&mut queue, RECOVERABLE);
    queue.push_stale(event(0, RECOVERABLE), 0);

    let stale: Vec<_> = std::iter::from_fn(|| queue.take().map(|taken| taken.stale)).collect();
    assert_eq!(stale, [true, false, true]);

    // Before the first reset as well.
    let mut queue = Queue::new();

    queue.push_stale(event(0, RECOVERABLE), 0);
    assert!(queue.take().unwrap().stale);
}

// An event that could not be added has a number and is counted.
#[test]
fn a_lost_event_leaves_a_gap() {
    let mut queue = Queue::new();

    push(&mut queue, RECOVERABLE);
    queue.lose();
    push(&mut queue, RECOVERABLE);
    assert_eq!((queue.waiting(), queue.dropped()), (2, 1));
    assert_eq!(drain(&mut queue), [1, 3]);
}
