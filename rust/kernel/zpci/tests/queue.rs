// SPDX-License-Identifier: GPL-2.0-only

//! The queue keeps the order and loses nothing silently.

#[cfg_attr(not(test), macros::kunit_tests(zpci_queue))]
mod tests {
    use super::super::{
        super::{
            ccdf::ErrorEvent,
            queue::{
                Queue,
                Recovery, //
            },
        },
        event,
        PERMANENT,
        RECOVERABLE, //
    };

    fn push(queue: &mut Queue, code: u16) -> bool {
        queue.push(event(0, code), 0, Recovery::Owner)
    }

    /// Hands out the next event, and says its number.
    fn take(queue: &mut Queue) -> Option<u64> {
        queue.take().map(|taken| taken.pending.sequence)
    }

    /// Delivers all events, and says their numbers.
    fn drain(queue: &mut Queue) -> impl Iterator<Item = u64> + '_ {
        core::iter::from_fn(|| {
            let sequence = take(queue)?;

            queue.arrived(1);
            Some(sequence)
        })
    }

    // Without events there is nothing to take. (1)
    #[test]
    fn an_empty_queue_has_nothing() {
        let mut queue = Queue::new();

        assert!(queue.take().is_none());
        assert_eq!((queue.waiting(), queue.dropped()), (0, 0));
    }

    // An event comes out with all that it went in with, as number 1, and only once. (2)
    #[test]
    fn an_event_comes_out_as_it_went_in() {
        let mut queue = Queue::new();
        let event = ErrorEvent::new([0xa5; ErrorEvent::SIZE]);

        assert!(queue.push(event, 77, Recovery::Nobody));
        let taken = queue.take();

        assert!(taken.is_some_and(|taken| {
            (taken.pending.event, taken.pending.sequence) == (event, 1)
                && (taken.pending.timestamp, taken.pending.recovery) == (77, Recovery::Nobody)
                && (taken.stale, taken.behind, taken.dropped) == (false, 0, 0)
        }));
        assert!(queue.take().is_none());
        queue.arrived(1);
        assert!(queue.take().is_none());
    }

    // The order is kept over any number of events, at any fill level, also where indices wrap. (7)
    #[test]
    fn order_is_kept_at_any_fill_level() {
        for level in 1..=Queue::TRANSIENT as u64 {
            let mut queue = Queue::new();

            for _ in 1..level {
                push(&mut queue, RECOVERABLE);
            }
            for number in 1..=100 {
                assert!(push(&mut queue, RECOVERABLE));
                assert_eq!(take(&mut queue), Some(number));
                queue.arrived(1);
            }
            assert!(drain(&mut queue).eq(101..100 + level));
            assert_eq!(queue.dropped(), 0);
        }
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
        assert!(drain(&mut queue).eq(1..=16));

        // The gap is where the event would have been.
        assert!(push(&mut queue, RECOVERABLE));
        let taken = queue.take();

        assert!(taken.is_some_and(|taken| (taken.pending.sequence, taken.dropped) == (18, 1)));
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
            assert!(drain(&mut queue).eq((1..=16).chain([21])));
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
        let readers = [queue.take(), queue.take()];

        assert!(push(&mut queue, PERMANENT[1]));
        assert_eq!(queue.dropped(), 0);
        assert!(push(&mut queue, PERMANENT[1]));
        assert_eq!((queue.waiting(), queue.dropped()), (15, 1));

        for taken in readers.iter().flatten() {
            queue.give_back(taken);
        }
        assert!(drain(&mut queue).eq([1, 2].into_iter().chain(4..=18)));
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
        assert!(drain(&mut queue).eq(1..=17));
    }

    // However many events come, what is kept is bounded and everything is accounted for. (24)
    #[test]
    fn a_storm_is_bounded_and_counted() {
        let mut queue = Queue::new();

        for number in 0..10_000 {
            push(
                &mut queue,
                [RECOVERABLE, PERMANENT[0]][usize::from(number % 10 == 9)],
            );
            assert!(queue.waiting() <= 17);
        }
        assert_eq!((queue.waiting(), queue.dropped()), (17, 10_000 - 17));
        assert!(drain(&mut queue).eq((1..=17).map(|n| n * 10)));
    }

    // An event that did not arrive is the next one that is taken, before younger ones. (8)
    #[test]
    fn an_event_given_back_is_the_next_one() {
        let mut queue = Queue::new();

        for _ in 0..3 {
            push(&mut queue, RECOVERABLE);
        }
        let first = queue.take();
        let second = queue.take();

        assert!(first.is_some_and(|first| {
            queue.give_back(&first);
            first.pending.sequence == 1
        }));
        assert_eq!(queue.waiting(), 2);
        let again = queue.take();

        assert!(again.is_some_and(|again| (again.pending.sequence, again.behind) == (1, 1)));
        for taken in second.iter().chain(&again) {
            queue.give_back(taken);
        }
        assert!(drain(&mut queue).eq(1..=3));
    }

    // An event that a reader has keeps its slot, until it has arrived.
    #[test]
    fn an_event_with_a_reader_keeps_its_slot() {
        let mut queue = Queue::new();

        for _ in 0..16 {
            push(&mut queue, RECOVERABLE);
        }
        let taken = queue.take();

        assert!(!push(&mut queue, RECOVERABLE));
        assert!(taken.is_some_and(|taken| {
            queue.give_back(&taken);
            queue.waiting() == 16
        }));
        assert_eq!(take(&mut queue), Some(1));
        queue.arrived(1);
        assert!(push(&mut queue, RECOVERABLE));
        assert_eq!(queue.dropped(), 1);
    }

    // An event is stale if there was a reset since it was captured, or if it was already then. (70)
    #[test]
    fn an_event_is_stale_after_a_reset() {
        let mut queue = Queue::new();

        push(&mut queue, RECOVERABLE);
        assert!(queue.take().is_some_and(|taken| {
            queue.give_back(&taken);
            !taken.stale
        }));
        queue.reset();
        push(&mut queue, RECOVERABLE);
        queue.push_stale(event(0, RECOVERABLE), 0);

        let stale = core::iter::from_fn(|| queue.take().map(|taken| taken.stale));

        assert!(stale.eq([true, false, true]));

        // Before the first reset as well.
        let mut queue = Queue::new();

        queue.push_stale(event(0, RECOVERABLE), 0);
        assert!(queue.take().is_some_and(|taken| taken.stale));
    }

    // An event that could not be added has a number and is counted.
    #[test]
    fn a_lost_event_leaves_a_gap() {
        let mut queue = Queue::new();

        push(&mut queue, RECOVERABLE);
        queue.lose();
        push(&mut queue, RECOVERABLE);
        assert_eq!((queue.waiting(), queue.dropped()), (2, 1));
        assert!(drain(&mut queue).eq([1, 3]));
    }
}
