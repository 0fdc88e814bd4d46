// SPDX-License-Identifier: GPL-2.0-only

//! A session decides who recovers, and keeps what its owner may ask for.
//!
//! Numbers in brackets are those of the scenarios that were collected from the review of the C
//! version.

use super::{
    ccdf::ErrorEvent,
    common::{
        event,
        PERMANENT,
        RECOVERABLE, //
    },
    queue::{
        Queue,
        Recovery,
        Taken, //
    },
    record::Record,
    session::{
        Leftover,
        Session, //
    },
    session_model::{
        Op,
        Run, //
    },
    strategies::{
        self,
        cases, //
    }, //
};
use proptest::prelude::*;

fn transient(number: u64) -> ErrorEvent {
    event(number, RECOVERABLE)
}

fn permanent(number: u64) -> ErrorEvent {
    event(number, PERMANENT[0])
}

/// A session whose owner listens.
fn listening() -> Session {
    let mut session = Session::new(false);

    session.set_eventfd(true);
    session
}

fn take(session: &mut Session) -> Taken {
    session.take().expect("an event")
}

fn nothing_left() -> Leftover {
    Leftover {
        unread: 0,
        unrecovered: false,
    }
}

// An owner that has asked for an event listens, even if there was none, with no eventfd. (23)
#[test]
fn an_owner_that_has_read_listens_for_good() {
    for read in [
        |session: &mut Session| assert_eq!(session.take(), None),
        |session: &mut Session| assert_eq!(session.last(), Record::empty(0)),
    ] {
        let mut session = Session::new(false);

        read(&mut session);
        assert!(session.listens());
        session.set_eventfd(true);
        session.set_eventfd(false);
        assert!(session.listens());
        assert_eq!(session.capture(transient(1), 0).recovery, Recovery::Owner);
    }
}

// What the platform does, and what the kernel asks for itself, does not make an owner listen.
#[test]
fn an_owner_that_has_done_nothing_does_not_listen() {
    let mut session = Session::new(false);

    session.capture(transient(1), 0);
    session.capture_stale(transient(2), 0);
    session.lose();
    session.nothing();
    session.reset();
    session.leftover();
    assert!(!session.listens());
    assert_eq!(session.capture(transient(3), 0).recovery, Recovery::Host);
}

// Events of an owner that does not listen are there for it when it does.
#[test]
fn events_from_before_the_owner_listened_are_kept() {
    let mut session = Session::new(false);

    session.capture(transient(1), 11);
    session.set_eventfd(true);
    session.capture(transient(2), 22);

    let first = take(&mut session);
    let second = take(&mut session);

    assert_eq!(first.pending.event, transient(1));
    assert_eq!(first.pending.recovery, Recovery::Host);
    assert_eq!(second.pending.event, transient(2));
    assert_eq!(second.pending.recovery, Recovery::Owner);
    assert_eq!(
        (first.pending.timestamp, second.pending.timestamp),
        (11, 22)
    );
}

// A full queue changes nothing about who recovers. (6)
#[test]
fn a_full_queue_leaves_recovery_to_the_owner() {
    let mut session = listening();

    for number in 0..40 {
        assert_eq!(
            session.capture(transient(number), 0).recovery,
            Recovery::Owner
        );
    }
    assert_eq!(session.leftover().unread, 16);
    assert!(session.leftover().unrecovered);
}

// A stale event is worth a signal, an event that is lost has nothing to be read.
#[test]
fn registering_the_eventfd_tells_of_what_can_be_read() {
    let mut session = Session::new(false);

    session.lose();
    assert!(!session.set_eventfd(true));
    session.capture_stale(transient(1), 0);
    assert!(session.set_eventfd(true));
}

// The last record is that of the event that was taken last. (14)
#[test]
fn the_last_record_is_that_of_the_event_that_was_taken() {
    let mut session = listening();

    assert_eq!(session.last(), Record::empty(0));
    session.capture(transient(1), 0);
    session.capture(transient(2), 0);
    assert_eq!(session.last(), Record::empty(0));

    for _ in 0..2 {
        let before = session.last();
        let taken = take(&mut session);

        assert_eq!(session.last(), Record::of(&taken));
        session.arrived(1);
        assert_eq!(session.last(), Record::of(&taken));
        assert_ne!(session.last(), before);
    }
}

// Looking at the last record takes nothing. (14)
#[test]
fn looking_at_the_last_record_takes_nothing() {
    let mut session = listening();

    session.capture(transient(1), 0);
    for _ in 0..3 {
        session.last();
    }
    assert_eq!(session.leftover().unread, 1);
    assert_eq!(take(&mut session).pending.event, transient(1));
}

// The last record stays as it was read: later events, resets and empty reads do not change it.
#[test]
fn the_last_record_stays_as_it_was_read() {
    let mut session = listening();

    session.capture(transient(1), 0);
    let taken = take(&mut session);

    session.arrived(1);
    session.reset();
    session.lose();
    assert_eq!(session.take(), None);
    session.capture(permanent(2), 0);
    assert_eq!(session.last(), Record::of(&taken));
}

// An event that did not arrive is there for the next reader, and is not the last record. (8)
#[test]
fn an_event_that_did_not_arrive_is_read_again() {
    let mut session = listening();

    session.capture(transient(1), 0);
    let taken = take(&mut session);

    session.give_back(&taken);
    assert_eq!(session.last(), Record::empty(0));
    assert_eq!(session.leftover().unread, 1);
    assert_eq!(take(&mut session), taken);
}

// Events from before a reset are stale, those after it are not. (70)
#[test]
fn events_from_before_a_reset_are_stale() {
    let mut session = listening();

    session.capture(transient(1), 0);
    session.reset();
    session.capture(transient(2), 0);
    session.capture_stale(transient(3), 33);

    let [first, second, third] = [(); 3].map(|()| take(&mut session));

    assert_eq!(
        [first.stale, second.stale, third.stale],
        [true, false, true]
    );
    assert_eq!(third.pending.event, transient(3));
    assert_eq!(third.pending.timestamp, 33);
    // Nobody recovers from a stale event, and nobody is said to have done so.
    assert_eq!(Record::of(&third).bytes()[2..4], 0b1001u16.to_ne_bytes());
}

// Reading of an event is not recovering from it.
#[test]
fn an_event_that_was_read_can_still_be_unrecovered() {
    let mut session = listening();

    session.capture(transient(1), 0);
    take(&mut session);
    session.arrived(1);
    assert_eq!(
        session.leftover(),
        Leftover {
            unread: 0,
            unrecovered: true,
        }
    );
}

// What is left to nobody is unrecovered at the end, for a guest and for a lost function.
#[test]
fn an_event_left_to_nobody_is_unrecovered() {
    for (guest, event) in [
        (true, transient(1)),
        (true, permanent(1)),
        (false, permanent(1)),
    ] {
        let mut session = Session::new(guest);

        session.capture(event, 0);
        assert!(session.leftover().unrecovered);
    }
}

// What the host has recovered is recovered, also from what the owner had left before.
#[test]
fn recovery_by_the_host_leaves_nothing_to_recover_from() {
    let mut session = listening();

    session.capture(transient(1), 0);
    session.set_eventfd(false);
    assert_eq!(session.capture(transient(2), 0).recovery, Recovery::Host);
    assert_eq!(
        session.leftover(),
        Leftover {
            unread: 2,
            unrecovered: false,
        }
    );
}

// A reset recovers from all there was, and from nothing that comes after it.
#[test]
fn a_reset_recovers_from_what_was_before_it() {
    let mut session = listening();

    session.capture(permanent(1), 0);
    session.reset();
    assert_eq!(
        session.leftover(),
        Leftover {
            unread: 1,
            unrecovered: false,
        }
    );
    session.capture(transient(2), 0);
    assert!(session.leftover().unrecovered);
}

// There is nothing to recover from a stale event, nor from one that nobody knows.
#[test]
fn stale_and_lost_events_leave_nothing_to_recover_from() {
    let mut session = listening();

    session.capture_stale(transient(1), 0);
    session.lose();
    assert_eq!(
        session.leftover(),
        Leftover {
            unread: 1,
            unrecovered: false,
        }
    );
    // Nor do they hide one from which there is.
    session.capture(transient(2), 0);
    session.capture_stale(transient(3), 0);
    session.lose();
    assert!(session.leftover().unrecovered);
}

// A new session begins with nothing, and with number 1, whatever there was before. (50)
#[test]
fn a_session_begins_with_nothing_of_an_earlier_one() {
    let mut earlier = listening();

    earlier.capture(transient(1), 0);
    take(&mut earlier);
    earlier.arrived(1);
    earlier.capture(transient(2), 0);
    earlier.lose();

    let mut later = Session::new(false);

    assert!(!later.listens());
    assert!(!later.set_eventfd(true));
    assert_eq!(later.leftover(), nothing_left());
    assert_eq!(later.take(), None);
    assert_eq!(later.last(), Record::empty(0));
    assert_eq!(later.nothing(), Record::empty(0));
    later.capture(transient(3), 0);
    assert_eq!(take(&mut later).pending.sequence, 1);
}

// What happens to an event is told as it happens: its number, and each loss.
#[test]
fn a_capture_says_what_became_of_the_event_and_of_others() {
    let mut session = listening();

    for number in 1..=Queue::TRANSIENT as u64 {
        let captured = session.capture(transient(number), 0);

        assert_eq!(captured.sequence, number);
        assert!(captured.kept);
        assert_eq!(captured.dropped, None);
    }
    let captured = session.capture(transient(17), 0);

    assert_eq!((captured.kept, captured.dropped), (false, Some(1)));
    // One slot is kept for it, so that nothing else has to go.
    let captured = session.capture(permanent(18), 0);

    assert_eq!((captured.kept, captured.dropped), (true, None));
    let captured = session.capture(permanent(19), 0);

    assert_eq!((captured.kept, captured.dropped), (true, Some(2)));
    assert_eq!(captured.sequence, 19);
}

// An operator sees what there is, and takes nothing by looking.
#[test]
fn looking_from_outside_takes_nothing_and_is_no_listening() {
    let mut session = Session::new(false);

    session.capture(transient(1), 0);
    session.capture(transient(2), 0);
    session.reset();
    session.capture(transient(3), 0);
    let overview = session.overview();

    assert_eq!(overview.captured, 3);
    assert_eq!(overview.waiting, 3);
    assert_eq!(overview.dropped, 0);
    assert_eq!(overview.owner(), "deaf");
    assert_eq!(overview.recovery.name(), "host");
    let seen: Vec<_> = (0..4)
        .map(|nth| {
            session
                .peek(nth)
                .map(|(pending, stale)| (pending.sequence, stale))
        })
        .collect();

    assert_eq!(
        seen,
        [Some((1, true)), Some((2, true)), Some((3, false)), None]
    );
    assert!(!session.listens());
    assert_eq!(session.leftover().unread, 3);
}

#[test]
fn an_owner_is_named_by_what_it_has_and_does() {
    let names = [
        (false, "deaf", "listens"),
        (true, "deaf,kvm", "listens,kvm"),
    ];

    for (guest, deaf, listens) in names {
        let mut session = Session::new(guest);

        assert_eq!(session.overview().owner(), deaf);
        session.set_eventfd(true);
        assert_eq!(session.overview().owner(), listens);
    }
}

// The newest event is there for who polls, whether it has been taken or not.
#[test]
fn the_newest_event_stays_until_a_newer_one() {
    let mut session = listening();

    assert_eq!(session.newest(), session.nothing());
    session.capture(transient(1), 11);
    session.capture(transient(2), 22);
    let newest = session.newest();

    for _ in 0..2 {
        take(&mut session);
        session.arrived(1);
    }
    assert_eq!(session.newest(), newest);
    session.reset();
    assert_ne!(session.newest(), newest);
    session.capture(transient(3), 33);
    assert_ne!(session.newest(), newest);
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => prop_oneof![3 => strategies::recoverable(), 1 => strategies::permanent()].prop_map(Op::Capture),
        1 => Just(Op::CaptureStale),
        1 => Just(Op::Lose),
        2 => any::<bool>().prop_map(Op::Eventfd),
        2 => Just(Op::Take),
        2 => Just(Op::Delivered),
        1 => Just(Op::GiveBack),
        1 => Just(Op::Last),
        1 => Just(Op::Reset),
    ]
}

proptest! {
    #![proptest_config(cases(4096))]

    // Any calls: who recovers, whether to signal, the last record and what is left are right.
    #[test]
    fn any_calls_do_what_the_model_does(
        guest: bool,
        ops in prop::collection::vec(op(), 0..60),
    ) {
        let mut run = Run::new(guest);

        for op in ops {
            run.apply(op);
        }
    }
}
