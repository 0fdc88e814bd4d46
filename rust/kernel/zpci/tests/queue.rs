// SPDX-License-Identifier: GPL-2.0-only

//! Tests of the queue: it keeps the order of events, and counts each event that it drops.

#[cfg_attr(not(test), macros::kunit_tests(zpci_queue))]
mod tests {
    use super::super::{
        super::{
            ccdf::Ccdf,
            queue::Queue,
            session::RecoveredBy, //
        },
        event,
        PERMANENT,
        RECOVERABLE, //
    };

    fn push(queue: &mut Queue, code: u16) -> bool {
        queue.push(event(0, code), 0, RecoveredBy::Owner)
    }

    /// Removes the oldest event, and returns its sequence number.
    fn remove(queue: &mut Queue) -> Option<u64> {
        let sequence = queue.peek(0)?.sequence;

        queue.remove(sequence).then_some(sequence)
    }

    /// Removes all events, and returns their sequence numbers.
    fn drain(queue: &mut Queue) -> impl Iterator<Item = u64> + '_ {
        core::iter::from_fn(|| remove(queue))
    }

    // An empty queue returns no event, and removes none. (case 1)
    #[test]
    fn an_empty_queue_has_nothing() {
        let mut queue = Queue::new();

        assert!(queue.peek(0).is_none() && queue.newest().is_none());
        assert!(!queue.remove(0));
        assert_eq!((queue.waiting(), queue.dropped()), (0, 0));
    }

    // The queue returns an event with all its bytes, with sequence number 1, and only once. (case
    // 2)
    #[test]
    fn an_event_comes_out_as_it_went_in() {
        let mut queue = Queue::new();
        let event = Ccdf::new([0xa5; Ccdf::SIZE]);

        assert!(queue.push(event, 77, RecoveredBy::Nobody));
        assert!(queue.peek(0) == queue.newest());
        assert!(queue.peek(0).is_some_and(|pending| {
            (pending.event, pending.sequence) == (event, 1)
                && (pending.timestamp, pending.recovered_by) == (77, RecoveredBy::Nobody)
        }));
        assert!(queue.remove(1));
        assert!(queue.peek(0).is_none());
        assert!(!queue.remove(1));
    }

    // An event stays until it is removed, and only the oldest event can be removed. (cases 8, 21)
    #[test]
    fn only_the_oldest_event_is_removed() {
        let mut queue = Queue::new();

        for _ in 0..3 {
            push(&mut queue, RECOVERABLE);
        }
        assert!(!queue.remove(0));
        assert!(!queue.remove(2));
        assert!(queue.remove(1));
        // Two readers may have copied event 1. The second reader's removal fails.
        assert!(!queue.remove(1));
        assert!(drain(&mut queue).eq([2, 3]));
    }

    // The queue keeps the order of events at any fill level, also after many events. (case 7)
    #[test]
    fn order_is_kept_at_any_fill_level() {
        for level in 1..=Queue::TRANSIENT as u64 {
            let mut queue = Queue::new();

            for _ in 1..level {
                push(&mut queue, RECOVERABLE);
            }
            for number in 1..=100 {
                assert!(push(&mut queue, RECOVERABLE));
                assert_eq!(remove(&mut queue), Some(number));
            }
            assert!(drain(&mut queue).eq(101..100 + level));
            assert_eq!(queue.dropped(), 0);
        }
    }

    // The queue keeps 16 transient events. The next event is dropped and counted. (case 4)
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

        // The dropped event has used up sequence number 17.
        assert!(push(&mut queue, RECOVERABLE));
        assert_eq!(remove(&mut queue), Some(18));
    }

    // The last slot is for a permanent failure, with either event code: no other event is dropped
    // to make room. (case 5)
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

    // In a full queue a further permanent failure replaces the oldest transient event. (case 5)
    #[test]
    fn a_further_permanent_failure_replaces_the_oldest_transient_event() {
        let mut queue = Queue::new();

        push(&mut queue, PERMANENT[0]);
        for _ in 0..15 {
            push(&mut queue, RECOVERABLE);
        }
        assert!(push(&mut queue, PERMANENT[1]));
        assert_eq!(queue.dropped(), 0);
        assert!(push(&mut queue, PERMANENT[1]));
        assert_eq!((queue.waiting(), queue.dropped()), (17, 1));
        assert!(drain(&mut queue).eq([1].into_iter().chain(3..=18)));
    }

    // A permanent failure never replaces another one: a full queue keeps the oldest permanent
    // failures.
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

    // However many events come, the queue stays within its limit, and each event is kept or
    // counted. (case 24)
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

    // An event that was dropped before it reached this queue is counted, and uses up a sequence
    // number.
    #[test]
    fn a_lost_event_leaves_a_gap() {
        let mut queue = Queue::new();

        push(&mut queue, RECOVERABLE);
        queue.drop_event();
        push(&mut queue, RECOVERABLE);
        assert_eq!((queue.waiting(), queue.dropped()), (2, 1));
        assert!(drain(&mut queue).eq([1, 3]));
    }
}
