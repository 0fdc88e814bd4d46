// SPDX-License-Identifier: GPL-2.0-only

//! A session decides who recovers, and keeps what its owner may ask for.

#[cfg_attr(not(test), macros::kunit_tests(zpci_session))]
mod tests {
    use super::super::{
        super::{
            ccdf::ErrorEvent,
            queue::{
                Recovery,
                Taken, //
            },
            record::Record,
            session::{
                Leftover,
                Session, //
            },
        },
        event,
        PERMANENT,
        RECOVERABLE, //
    };

    fn transient(number: u8) -> ErrorEvent {
        event(number, RECOVERABLE)
    }

    /// A session whose owner listens.
    fn listening() -> Session {
        let mut session = Session::new(false);

        session.set_eventfd(true);
        session
    }

    /// Whether the next event is this one. It is delivered.
    fn delivers(session: &mut Session, event: ErrorEvent) -> bool {
        session.take().is_some_and(|taken| {
            session.arrived(1);
            taken.pending.event == event
        })
    }

    // Who recovers, as the design has it in a table. (44)
    #[test]
    fn who_recovers_depends_on_guest_listener_and_event() {
        use Recovery::{
            Host,
            Nobody,
            Owner, //
        };

        for (guest, listens, code, expected) in [
            (false, true, RECOVERABLE, Owner),
            (false, true, PERMANENT[0], Owner),
            (false, false, RECOVERABLE, Host),
            (false, false, 0, Host),
            (false, false, PERMANENT[0], Nobody),
            (false, false, PERMANENT[1], Nobody),
            (true, true, RECOVERABLE, Owner),
            (true, true, PERMANENT[1], Owner),
            (true, false, RECOVERABLE, Nobody),
            (true, false, PERMANENT[0], Nobody),
        ] {
            let mut session = Session::new(guest);

            session.set_eventfd(listens);
            assert_eq!(session.capture(event(1, code), 0).recovery, expected);
            let taken = session.take();

            assert!(taken.is_some_and(|taken| taken.pending.recovery == expected));
        }
    }

    // An owner listens while the eventfd is registered, or once it has asked for an event. (23)
    #[test]
    fn an_owner_listens_with_an_eventfd_or_by_reading() {
        let mut session = Session::new(false);

        assert!(!session.listens());
        session.set_eventfd(true);
        assert!(session.listens());
        session.set_eventfd(false);
        assert!(!session.listens());
        assert!(session.take().is_none());
        assert!(session.listens());
    }

    // A permanent failure behind a full queue reaches the owner. (5)
    #[test]
    fn a_permanent_failure_reaches_the_owner_of_a_full_queue() {
        let mut session = listening();

        for number in 0..40 {
            session.capture(transient(number), 0);
        }
        session.capture(event(40, PERMANENT[0]), 0);
        let last: Option<Taken> = core::iter::from_fn(|| session.take()).last();

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
        session.capture(transient(1), 0);
        assert!(session.set_eventfd(true));
        assert!(!session.set_eventfd(false));
        assert!(session.set_eventfd(true));

        // An event that a reader has does not wait, unless it comes back.
        let taken = session.take();

        assert!(taken.is_some());
        assert!(!session.set_eventfd(true));
        if let Some(taken) = taken {
            session.give_back(&taken);
        }
        assert!(session.set_eventfd(true));
        assert!(delivers(&mut session, transient(1)));
        assert!(!session.set_eventfd(true));
    }

    // The last record is that of the event that was taken last, whatever comes later. (14)
    #[test]
    fn the_last_record_is_that_of_the_event_that_was_taken() {
        let mut session = listening();

        assert!(session.last() == Record::empty(0));
        session.capture(transient(1), 0);
        assert!(session.last() == Record::empty(0));
        let taken = session.take();

        assert!(taken.is_some());
        if let Some(taken) = taken {
            session.arrived(1);
            session.reset();
            session.capture(transient(2), 0);
            assert!(session.last() == Record::of(&taken));
        }
    }

    // An event that did not arrive is there for the next reader, and is not the last record. (8)
    #[test]
    fn an_event_that_did_not_arrive_is_read_again() {
        let mut session = listening();

        session.capture(transient(1), 0);
        session.capture(transient(2), 0);
        let taken = session.take();

        assert!(taken.is_some());
        if let Some(taken) = taken {
            session.give_back(&taken);
        }
        assert!(session.last() == Record::empty(0));
        assert!(delivers(&mut session, transient(1)));
        let last = session.last();
        let taken = session.take();

        assert!(taken.is_some());
        if let Some(taken) = taken {
            session.give_back(&taken);
        }
        assert!(session.last() == last);
        assert!(delivers(&mut session, transient(2)));
    }

    // With nothing pending the record has no event, but the number of those lost. (1, 4, 15)
    #[test]
    fn with_nothing_pending_the_old_event_is_not_repeated() {
        let mut session = listening();

        session.capture(transient(1), 0);
        session.lose();
        assert!(delivers(&mut session, transient(1)));
        assert!(session.take().is_none());
        assert!(session.nothing() == Record::empty(1));
    }

    // Events from before a reset are stale, those after it are not. (70)
    #[test]
    fn events_from_before_a_reset_are_stale() {
        let mut session = listening();

        session.capture(transient(1), 0);
        session.reset();
        session.capture(transient(2), 0);
        session.capture_stale(transient(3), 33);

        let stale = core::iter::from_fn(|| session.take().map(|taken| taken.stale));

        assert!(stale.eq([true, false, true]));
    }

    // After a permanent failure the host recovers nothing, until a reset. (45)
    #[test]
    fn nothing_is_recovered_by_the_host_after_a_permanent_failure() {
        let mut session = Session::new(false);

        session.capture(event(1, PERMANENT[0]), 0);
        assert_eq!(session.capture(transient(2), 0).recovery, Recovery::Nobody);
        assert!(session.leftover().unrecovered);
        session.reset();
        assert_eq!(session.capture(transient(3), 0).recovery, Recovery::Host);
    }

    // An owner that leaves without a word leaves events unread, and a function in error. (49)
    #[test]
    fn an_owner_that_has_done_nothing_leaves_all_its_events() {
        let mut session = listening();

        for number in 1..=3 {
            session.capture(transient(number), 0);
        }
        assert!(
            session.leftover()
                == Leftover {
                    unread: 3,
                    unrecovered: true,
                }
        );
    }
}
