// SPDX-License-Identifier: GPL-2.0-only

//! Tests of a session: it decides which side recovers a function, and keeps the owner's events.

#[cfg_attr(not(test), macros::kunit_tests(zpci_session))]
mod tests {
    use super::super::{
        super::{
            ccdf::Ccdf,
            record::Record,
            session::RecoveredBy,
            session::{
                Session,
                Taken, //
            },
        },
        event,
        PERMANENT,
        RECOVERABLE, //
    };

    /// An hour, in nanoseconds.
    const HOUR: u64 = 3_600_000_000_000;

    fn transient(number: u8) -> Ccdf {
        event(number, RECOVERABLE)
    }

    /// Makes a session whose owner listens: the owner has registered the error eventfd.
    fn listening() -> Session {
        let mut session = Session::new(false);

        session.set_eventfd(true);
        session
    }

    fn capture(session: &mut Session, event: Ccdf) {
        session.capture(event, 0, RecoveredBy::Owner);
    }

    /// Takes the oldest event out of the queue, as a reader does.
    fn take(session: &mut Session) -> Option<Taken> {
        let taken = session.peek(0)?;

        session.remove(&taken).then_some(taken)
    }

    // The side that recovers depends on KVM and on whether the owner listens. With KVM an owner
    // that has only registered the eventfd does not listen.
    #[test]
    fn who_recovers_depends_on_guest_and_listener() {
        use RecoveredBy::{
            Host,
            Nobody,
            Owner, //
        };

        for (guest, eventfd, has_asked, expected) in [
            (false, false, false, Host),
            (false, true, false, Owner),
            (false, false, true, Owner),
            (false, true, true, Owner),
            (true, false, false, Nobody),
            (true, true, false, Nobody),
            (true, false, true, Owner),
            (true, true, true, Owner),
        ] {
            let mut session = Session::new(guest);

            session.set_eventfd(eventfd);
            if has_asked {
                session.listen();
            }
            assert_eq!(session.decide(false, 0), expected);
            assert_eq!(session.listens(), expected == Owner);
        }
    }

    // An owner listens while the eventfd is registered, or after it has asked for an event. (case
    // 23)
    #[test]
    fn an_owner_listens_with_an_eventfd_or_by_asking() {
        let mut session = Session::new(false);

        session.set_eventfd(true);
        assert!(session.listens());
        session.set_eventfd(false);
        assert!(!session.listens());
        assert!(!session.listen());
        assert!(session.listens());
    }

    // The host recovers a function at most five times in an hour, and as often in the next hour.
    #[test]
    fn the_host_recovers_five_times_in_an_hour() {
        let mut session = Session::new(false);

        for begin in [7, 7 + HOUR, 7 + 3 * HOUR] {
            for minute in 0..5 {
                assert_eq!(
                    session.decide(false, begin + minute * HOUR / 60),
                    RecoveredBy::Host
                );
            }
            for later in [HOUR / 2, HOUR - 1] {
                assert_eq!(session.decide(false, begin + later), RecoveredBy::Nobody);
            }
        }
    }

    // After a permanent failure an owner that listens recovers the function, and otherwise nobody
    // does. A permanent failure uses up none of the five recoveries of the host.
    #[test]
    fn the_host_does_not_recover_what_is_lost() {
        for (guest, listens, expected) in [
            (false, false, RecoveredBy::Nobody),
            (false, true, RecoveredBy::Owner),
            (true, false, RecoveredBy::Nobody),
            (true, true, RecoveredBy::Owner),
        ] {
            let mut session = Session::new(guest);

            if listens {
                session.listen();
            }
            assert_eq!(session.decide(true, 0), expected);
        }

        let mut session = Session::new(false);

        for _ in 0..5 {
            assert_eq!(session.decide(true, 0), RecoveredBy::Nobody);
            assert_eq!(session.decide(false, 0), RecoveredBy::Host);
        }
        assert_eq!(session.decide(false, 0), RecoveredBy::Nobody);
        assert_eq!(session.decide(true, HOUR), RecoveredBy::Nobody);
        assert_eq!(session.decide(false, HOUR), RecoveredBy::Host);
    }

    // After any reset the host may recover five times again. A listening owner may always recover.
    #[test]
    fn a_reset_has_the_host_begin_anew() {
        let mut session = Session::new(false);

        for by_owner in [true, false] {
            while session.decide(false, 0) == RecoveredBy::Host {}
            if by_owner {
                session.note_owner_reset(0);
            } else {
                session.note_reset();
            }
            assert_eq!(session.decide(false, 0), RecoveredBy::Host);
        }
        session.listen();
        for _ in 0..100 {
            assert_eq!(session.decide(false, 0), RecoveredBy::Owner);
        }
    }

    // The owner is signalled if it listens when the event is captured, even if it began to listen
    // only after `decide` had chosen the recovering side.
    #[test]
    fn an_owner_that_has_begun_to_listen_is_told() {
        for guest in [false, true] {
            let mut session = Session::new(guest);
            let recovered_by = session.decide(false, 0);

            assert!(!session.capture(transient(1), 0, recovered_by).listens);
            session.listen();
            assert!(session.capture(transient(2), 0, recovered_by).listens);
        }
    }

    // A reset by anybody but the owner makes no event stale.
    #[test]
    fn a_reset_by_others_leaves_events_as_they_are() {
        let mut session = listening();

        capture(&mut session, transient(1));
        session.note_reset();
        assert!(session.peek(0).is_some_and(|taken| !taken.stale));
    }

    // A permanent failure reaches the owner although the queue is full. (cases 5, 44)
    #[test]
    fn a_permanent_failure_reaches_the_owner_of_a_full_queue() {
        let mut session = listening();

        for number in 0..40 {
            capture(&mut session, transient(number));
        }
        capture(&mut session, event(40, PERMANENT[0]));
        let last = core::iter::from_fn(|| take(&mut session)).last();

        assert!(last.is_some_and(|last| {
            last.pending.event == event(40, PERMANENT[0])
                && (last.pending.sequence, last.dropped) == (41, 24)
        }));
    }

    // Each registration of the eventfd returns whether the caller must signal the owner, because
    // unread events are queued. (cases 28, 32)
    #[test]
    fn registering_the_eventfd_tells_that_events_wait() {
        let mut session = Session::new(false);

        assert!(!session.set_eventfd(true));
        capture(&mut session, transient(1));
        assert!(session.set_eventfd(true));
        assert!(!session.set_eventfd(false));
        assert!(session.set_eventfd(true));
        assert!(take(&mut session).is_some());
        assert!(!session.set_eventfd(true));
    }

    // With KVM the eventfd is not signalled before the owner asks for events: a monitor that knows
    // only the eventfd would stop the virtual machine. (case 30)
    #[test]
    fn a_guest_is_told_when_it_asks() {
        let mut session = Session::new(true);

        capture(&mut session, transient(1));
        assert!(!session.set_eventfd(true));
        assert!(session.listen());
        assert!(!session.listen());
        assert!(session.set_eventfd(true));
    }

    // `last` returns the record of the event that was taken last, also if newer events are unread.
    // (case 14)
    #[test]
    fn the_last_record_is_that_of_the_event_that_arrived() {
        let mut session = listening();

        assert!(session.last() == Record::empty(0));
        capture(&mut session, transient(1));
        assert!(session.last() == Record::empty(0));
        let taken = take(&mut session);

        session.note_owner_reset(1);
        capture(&mut session, transient(2));
        assert!(taken.is_some_and(|taken| session.last() == Record::of(&taken)));
    }

    // A peek takes nothing: an event that is not taken stays for the next reader. If two readers
    // copy one event, the first to remove the event has taken it. (cases 8, 21)
    #[test]
    fn an_event_is_that_of_the_reader_where_it_arrives_first() {
        let mut session = listening();

        capture(&mut session, transient(1));
        capture(&mut session, transient(2));
        let (first, second) = (session.peek(0), session.peek(0));

        assert!(first.is_some() && first == second);
        assert!(session.last() == Record::empty(0));
        assert!(first.is_some_and(|first| session.remove(&first)));
        let last = session.last();

        assert!(second.is_some_and(|second| !session.remove(&second)));
        assert!(session.last() == last);
        assert!(take(&mut session).is_some_and(|taken| taken.pending.event == transient(2)));
    }

    // A taken event is not returned again: once all events are taken, the session returns no event,
    // only the count of dropped events. (cases 1, 4, 15)
    #[test]
    fn with_nothing_pending_the_old_event_is_not_repeated() {
        let mut session = listening();

        capture(&mut session, transient(1));
        session.drop_event();
        assert!(take(&mut session).is_some());
        assert!(session.peek(0).is_none());
        assert!(session.dropped() == 1);
    }

    // Events from before the owner's reset are stale. Events that came during the reset or later
    // are not. (case 70)
    #[test]
    fn events_from_before_a_reset_are_stale() {
        let mut session = listening();

        capture(&mut session, transient(1));
        let newest = session.last_sequence();

        capture(&mut session, transient(2));
        session.note_owner_reset(newest);
        capture(&mut session, transient(3));
        let stale = core::iter::from_fn(|| take(&mut session).map(|taken| taken.stale));

        assert!(stale.eq([true, false, false]));
    }

    // An owner that closes the function without having read leaves its events unread. (case 49)
    #[test]
    fn an_owner_that_has_done_nothing_leaves_all_its_events() {
        let mut session = listening();

        for number in 1..=3 {
            capture(&mut session, transient(number));
        }
        assert_eq!(session.overview().waiting, 3);
    }
}
