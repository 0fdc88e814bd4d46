// SPDX-License-Identifier: GPL-2.0-only

//! A session decides which side recovers, and keeps its owner's events: tests with any sequence of
//! calls. `rust/kernel/zpci/tests/session.rs` tests each rule by itself.
//!
//! The numbers in brackets are scenarios from the review of the C version, listed in
//! selftests/scenarios.txt.

use super::{
    ccdf::Ccdf,
    common::{
        event,
        PERMANENT,
        RECOVERABLE, //
    },
    queue::Queue,
    record::Record,
    session::{
        RecoveredBy,
        Session,
        Taken, //
    },
    session_model::{
        Op,
        Run,
        HOUR,
        THREADS, //
    },
    strategies::{
        self,
        cases, //
    }, //
};
use proptest::prelude::*;

fn transient(number: u64) -> Ccdf {
    event(number, RECOVERABLE)
}

/// Takes the oldest event, like a reader.
fn take(session: &mut Session) -> Taken {
    let taken = session.peek(0).expect("an event");

    assert!(session.remove(&taken));
    taken
}

// An owner that has neither asked for events nor registered the eventfd does not listen.
#[test]
fn an_owner_that_has_done_nothing_does_not_listen() {
    let mut session = Session::new(false);

    session.decide(false, 0);
    session.capture(transient(1), 0, RecoveredBy::Host);
    session.drop_event();
    session.dropped();
    session.last();
    session.newest();
    session.peek(0);
    session.note_owner_reset(1);
    session.overview();
    assert!(!session.listens());
    assert_eq!(session.decide(false, 0), RecoveredBy::Host);
}

// A session keeps events for an owner that begins to listen later.
#[test]
fn events_from_before_the_owner_listened_are_kept() {
    let mut session = Session::new(false);

    for (number, timestamp, expected) in [(1, 11, RecoveredBy::Host), (2, 22, RecoveredBy::Owner)] {
        let recovered_by = session.decide(false, 0);

        assert_eq!(recovered_by, expected);
        session.capture(transient(number), timestamp, recovered_by);
        session.set_eventfd(true);
    }
    for (number, timestamp, recovered_by) in
        [(1, 11, RecoveredBy::Host), (2, 22, RecoveredBy::Owner)]
    {
        let pending = take(&mut session).pending;

        assert_eq!(pending.event, transient(number));
        assert_eq!(
            (pending.timestamp, pending.recovered_by),
            (timestamp, recovered_by)
        );
    }
}

// A full queue does not change which side recovers. (6)
#[test]
fn a_full_queue_leaves_recovery_to_the_owner() {
    let mut session = Session::new(false);

    session.listen();
    for number in 0..40 {
        assert_eq!(session.decide(false, 0), RecoveredBy::Owner);
        session.capture(transient(number), 0, RecoveredBy::Owner);
    }
    assert_eq!(session.overview().waiting, 16);
}

// The eventfd is signalled for each event that the owner can read, and not for a dropped one.
#[test]
fn registering_the_eventfd_tells_of_what_can_be_read() {
    let mut session = Session::new(false);

    session.drop_event();
    assert!(!session.set_eventfd(true));
    session.capture(transient(1), 0, RecoveredBy::Host);
    session.note_owner_reset(2);
    assert!(session.set_eventfd(true));
}

// Two resets overlap: the one that began first ends last. Its older mark is ignored. (70)
#[test]
fn a_reset_that_ends_late_makes_no_event_current_again() {
    let mut session = Session::new(false);
    let newest = session.last_sequence();

    session.capture(transient(1), 0, RecoveredBy::Owner);
    session.note_owner_reset(session.last_sequence());
    session.note_owner_reset(newest);
    assert!(session.peek(0).is_some_and(|taken| taken.stale));
}

// A new session has no events, and begins with number 1. (50)
#[test]
fn a_session_begins_with_nothing_of_an_earlier_one() {
    let mut earlier = Session::new(false);

    earlier.listen();
    earlier.capture(transient(1), 0, RecoveredBy::Owner);
    take(&mut earlier);
    earlier.capture(transient(2), 0, RecoveredBy::Owner);
    earlier.drop_event();

    let mut later = Session::new(false);

    assert!(!later.listens());
    assert!(!later.set_eventfd(true));
    assert_eq!(later.peek(0), None);
    for record in [later.last(), later.newest()] {
        assert_eq!(record, Record::empty(0));
    }
    later.capture(transient(3), 0, RecoveredBy::Owner);
    assert_eq!(take(&mut later).pending.sequence, 1);
}

// Returns the event's number, and the number of dropped events if it has changed.
#[test]
fn a_capture_says_what_became_of_the_event_and_of_others() {
    let mut session = Session::new(false);
    let mut capture = |code| {
        let captured = session.capture(event(0, code), 0, RecoveredBy::Owner);

        (captured.sequence, captured.kept, captured.dropped)
    };

    for number in 1..=Queue::TRANSIENT as u64 {
        assert_eq!(capture(RECOVERABLE), (number, true, None));
    }
    assert_eq!(capture(RECOVERABLE), (17, false, Some(1)));
    // The slot for a permanent failure was free, so no other event is dropped.
    assert_eq!(capture(PERMANENT[0]), (18, true, None));
    assert_eq!(capture(PERMANENT[0]), (19, true, Some(2)));
}

#[test]
fn an_owner_is_named_by_what_it_has_and_does() {
    let names = [
        (false, c"silent", c"listens", c"listens"),
        (true, c"silent,kvm", c"silent,kvm", c"listens,kvm"),
    ];

    for (guest, silent, with_eventfd, asking) in names {
        let mut session = Session::new(guest);

        assert_eq!(session.overview().owner(), silent);
        session.set_eventfd(true);
        assert_eq!(session.overview().owner(), with_eventfd);
        session.listen();
        assert_eq!(session.overview().owner(), asking);
    }
}

// The overview names the side that recovers from the next event. It does not count the limit of the
// host's recoveries.
#[test]
fn who_recovers_is_named() {
    let mut session = Session::new(false);

    for _ in 0..10 {
        assert_eq!(session.overview().recovered_by.name(), c"host");
        session.decide(false, 0);
    }
    session.listen();
    assert_eq!(session.overview().recovered_by.name(), c"owner");
    assert_eq!(Session::new(true).overview().recovered_by.name(), c"nobody");
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        1 => prop_oneof![Just(1), Just(HOUR / 5), Just(HOUR), any::<u32>().prop_map(u64::from)]
            .prop_map(Op::Wait),
        4 => prop::bool::weighted(0.2).prop_map(Op::Decide),
        6 => (strategies::code(), strategies::recovered_by())
            .prop_map(|(code, recovered_by)| Op::Capture(code, recovered_by)),
        1 => Just(Op::Drop),
        1 => any::<bool>().prop_map(Op::Eventfd),
        1 => Just(Op::Listen),
        3 => (0..THREADS).prop_map(Op::Peek),
        3 => (0..THREADS).prop_map(Op::Arrived),
        1 => (0..THREADS).prop_map(Op::Reset),
        1 => (0..THREADS).prop_map(Op::Recovered),
        1 => Just(Op::InOrder),
    ]
}

proptest! {
    #![proptest_config(cases(4096))]

    // After any sequence of calls the session and its model have the same recovering side, signals,
    // stale marks and records.
    #[test]
    fn any_calls_do_what_the_model_does(
        guest: bool,
        ops in prop::collection::vec(op(), 0..100),
    ) {
        let mut run = Run::new(guest);

        for op in ops {
            run.apply(op);
        }
    }
}
