// SPDX-License-Identifier: GPL-2.0-only

//! A session decides who recovers, and keeps what its owner may ask for.

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

    /// A session whose owner listens.
    fn listening() -> Session {
        let mut session = Session::new(false);

        session.set_eventfd(true);
        session
    }

    fn capture(session: &mut Session, event: Ccdf) {
        session.capture(event, 0, RecoveredBy::Owner);
    }

    /// Delivers the oldest event.
    fn take(session: &mut Session) -> Option<Taken> {
        let taken = session.peek(0)?;

        session.arrived(&taken).then_some(taken)
    }

    // Who recovers, as the design has it in a table: with KVM the eventfd alone is no listening.
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

    // An owner listens while the eventfd is registered, or once it has asked for an event. (23)
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

    // The host recovers five times in an hour, and again when the hour is over.
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

    // What is lost is left to an owner that listens, and to nobody otherwise. The host has not
    // recovered then, and may do so as often as before.
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

    // A reset by whomever ends that, too, and one that listens recovers without a limit.
    #[test]
    fn a_reset_has_the_host_begin_anew() {
        let mut session = Session::new(false);

        for by_owner in [true, false] {
            while session.decide(false, 0) == RecoveredBy::Host {}
            if by_owner {
                session.recovered(0);
            } else {
                session.is_in_order();
            }
            assert_eq!(session.decide(false, 0), RecoveredBy::Host);
        }
        session.listen();
        for _ in 0..100 {
            assert_eq!(session.decide(false, 0), RecoveredBy::Owner);
        }
    }

    // An event is told to an owner that listens when it is captured; the decision which side
    // recovers was earlier.
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

    // A reset by somebody else than the owner makes no event stale.
    #[test]
    fn a_reset_by_others_leaves_events_as_they_are() {
        let mut session = listening();

        capture(&mut session, transient(1));
        session.is_in_order();
        assert!(session.peek(0).is_some_and(|taken| !taken.stale));
    }

    // A permanent failure behind a full queue reaches the owner. (5, 44)
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

    // Registering the eventfd says whether events wait already, each time. (28, 32)
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

    // With KVM that waits until the owner asks, so that its virtual machine does not stop. (30)
    #[test]
    fn a_guest_is_told_when_it_asks() {
        let mut session = Session::new(true);

        capture(&mut session, transient(1));
        assert!(!session.set_eventfd(true));
        assert!(session.listen());
        assert!(!session.listen());
        assert!(session.set_eventfd(true));
    }

    // The last record is that of the event that arrived last, whatever comes later. (14)
    #[test]
    fn the_last_record_is_that_of_the_event_that_arrived() {
        let mut session = listening();

        assert!(session.last() == Record::empty(0));
        capture(&mut session, transient(1));
        assert!(session.last() == Record::empty(0));
        let taken = take(&mut session);

        session.recovered(1);
        capture(&mut session, transient(2));
        assert!(taken.is_some_and(|taken| session.last() == Record::of(&taken)));
    }

    // Looking takes nothing: an event that does not arrive is there for the next reader. Of two
    // readers of one event it is the first one's. (8, 21)
    #[test]
    fn an_event_is_that_of_the_reader_where_it_arrives_first() {
        let mut session = listening();

        capture(&mut session, transient(1));
        capture(&mut session, transient(2));
        let (first, second) = (session.peek(0), session.peek(0));

        assert!(first.is_some() && first == second);
        assert!(session.last() == Record::empty(0));
        assert!(first.is_some_and(|first| session.arrived(&first)));
        let last = session.last();

        assert!(second.is_some_and(|second| !session.arrived(&second)));
        assert!(session.last() == last);
        assert!(take(&mut session).is_some_and(|taken| taken.pending.event == transient(2)));
    }

    // With nothing pending the record has no event, but the number of those lost. (1, 4, 15)
    #[test]
    fn with_nothing_pending_the_old_event_is_not_repeated() {
        let mut session = listening();

        capture(&mut session, transient(1));
        session.drop_event();
        assert!(take(&mut session).is_some());
        assert!(session.peek(0).is_none());
        assert!(session.dropped() == 1);
    }

    // Events from before a reset are stale, those after it are not, also if it came meanwhile. (70)
    #[test]
    fn events_from_before_a_reset_are_stale() {
        let mut session = listening();

        capture(&mut session, transient(1));
        let newest = session.newest_sequence();

        capture(&mut session, transient(2));
        session.recovered(newest);
        capture(&mut session, transient(3));
        let stale = core::iter::from_fn(|| take(&mut session).map(|taken| taken.stale));

        assert!(stale.eq([true, false, false]));
    }

    // An owner that leaves without a word leaves events unread. (49)
    #[test]
    fn an_owner_that_has_done_nothing_leaves_all_its_events() {
        let mut session = listening();

        for number in 1..=3 {
            capture(&mut session, transient(number));
        }
        assert_eq!(session.overview().waiting, 3);
    }
}
