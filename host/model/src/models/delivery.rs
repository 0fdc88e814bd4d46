// SPDX-License-Identifier: GPL-2.0-only

//! Each event is delivered exactly once and in order, or counted as dropped.

use super::*;
use crate::zpci::RecoveredBy;

/// Captures an event. The caller stands for a holder of both locks of the function.
fn capture(world: &World, number: u64, code: u16) {
    world
        .recovery()
        .capture(&event(number, code), RecoveredBy::Owner);
}

/// Collects the numbers that all readers have read, and checks that each reader's are in order.
fn all(readers: &[Vec<Found>]) -> Vec<u64> {
    assert!(readers.iter().all(|found| in_order(found)), "{readers:?}");

    let mut all = numbers(&readers.concat());

    all.sort_unstable();
    all
}

// Two readers share two events. The memory of one reader is not present at first, or cannot be
// written to: that reader waits or fails, and one of the two readers gets the event.
#[test]
fn two_readers_and_a_fault() {
    check("two readers and a fault", [3, 5], &["both", "one"], || {
        let world = World::open();

        capture(&world, 1, RECOVERABLE);
        let first = world.spawn(World::read_all);
        let second = world.spawn(|world| {
            let _ = world
                .try_read(Memory::Forbidden)
                .map(|found| assert_eq!(found, None));
            world.read_all_into(Memory::Absent)
        });

        capture(&world, 2, RECOVERABLE);
        let readers = [
            first.join().unwrap(),
            second.join().unwrap(),
            world.read_all(),
        ];

        reach(if readers[0].is_empty() || readers[1].is_empty() {
            "one"
        } else {
            "both"
        });
        assert_eq!(all(&readers), [1, 2]);
    });
}

// A failed read leaves the event at its place in the queue, even if other events are captured
// meanwhile.
#[test]
fn a_fault_keeps_the_order() {
    check("a fault keeps the order", [3, 6], &[], || {
        let world = World::open();

        capture(&world, 1, RECOVERABLE);
        let reader = world.spawn(|world| {
            world.read_in_vain();
            world.read_all_into(Memory::Absent)
        });

        capture(&world, 2, RECOVERABLE);
        capture(&world, 3, PERMANENT);
        let found = [reader.join().unwrap(), world.read_all()].concat();

        assert!(in_order(&found));
        assert_eq!(numbers(&found), [1, 2, 3]);
    });
}

// The queue is full while readers are at work: events are delivered or counted as dropped, and a
// permanent failure is delivered. A reader that waits for its memory does not get an event that is
// dropped meanwhile.
#[test]
fn a_full_queue() {
    check(
        "a full queue",
        [2, 4],
        &["dropped", "nothing dropped"],
        || {
            let world = World::open();

            for number in 1..=14 {
                capture(&world, number, RECOVERABLE);
            }
            let first = world.spawn(|world| Vec::from_iter(world.read()));
            let second =
                world.spawn(|world| Vec::from_iter(world.try_read(Memory::Absent).unwrap()));

            for number in 15..=18 {
                capture(&world, number, PERMANENT);
            }
            let readers = [
                first.join().unwrap(),
                second.join().unwrap(),
                world.read_all(),
            ];
            let dropped = readers[2].last().unwrap().dropped as usize;
            let mut all = all(&readers);
            let delivered = all.len();

            reach(if dropped > 0 {
                "dropped"
            } else {
                "nothing dropped"
            });
            all.dedup();
            assert_eq!(all.len(), delivered, "twice");
            assert_eq!(all.len() + dropped, 18, "unaccounted");
            assert!((15..=18).all(|number| all.contains(&number)));
        },
    );
}

// An event from before a reset is stale for each later reader; an event from after the reset is
// not.
#[test]
fn a_reset_makes_events_stale() {
    check(
        "a reset makes events stale",
        [3, 6],
        &["stale", "not stale"],
        || {
            let world = World::open();

            capture(&world, 1, RECOVERABLE);
            let reader = world.spawn(World::read_all);

            world
                .recovery()
                .note_owner_reset(world.recovery().last_sequence());
            capture(&world, 2, RECOVERABLE);
            let before = reader.join().unwrap();
            let found = [before.clone(), world.read_all()].concat();

            assert_eq!(numbers(&found), [1, 2]);
            assert!(found[1].flags & STALE == 0);
            reach(if found[0].flags & STALE != 0 {
                "stale"
            } else {
                "not stale"
            });
            assert!(!before.is_empty() || found[0].flags & STALE != 0);
        },
    );
}

// A reader takes no lock if there is no event. The reader still finds an event that was signalled,
// and later also an event without a signal.
#[test]
fn nothing_without_a_lock() {
    check(
        "finding nothing without a lock",
        [4, 7],
        &["late", "soon"],
        || {
            let world = World::listening();

            assert_eq!(world.read(), None);
            let platform = world.spawn(|world| {
                capture(world, 1, RECOVERABLE);
                world.zdev.signal();
            });
            let other = world.spawn(World::read_all);

            world.zdev.wait();
            let mine = world.read_all();

            platform.join().unwrap();
            let other = other.join().unwrap();

            reach(if other.is_empty() { "late" } else { "soon" });
            assert_eq!(all(&[mine, other]), [1]);
            assert_eq!(world.read(), None);
        },
    );
}

// A reader sees the number of dropped events even if there is no event, and it takes no lock.
#[test]
fn losses_without_a_lock() {
    check("losses without a lock", [1, 2], &["soon", "late"], || {
        let world = World::listening();

        assert_eq!(world.read(), None);
        for number in 1..=32 {
            platform::raise(&world.zdev, event(number, RECOVERABLE));
        }
        let platform = world.raise([event(33, RECOVERABLE)]);
        let dropped = || {
            let record = zdev::read(&world.zdev, 0, Memory::Present).unwrap();

            u32::from_ne_bytes(record[12..16].try_into().unwrap())
        };
        let before = dropped();

        platform.join().unwrap();
        reach(if before > 0 { "soon" } else { "late" });
        assert_eq!(dropped(), 1);
        Worker::begin().end();
        assert_eq!(world.read_all().len(), 16);
    });
}

// The mark "no event waits", which readers use without a lock, ends with its session.
#[test]
fn the_next_owner() {
    check("the next owner", [3, 6], &[], || {
        let world = World::listening();

        assert_eq!(world.read(), None);
        zdev::close(&world.device);
        zdev::open(&world.device).unwrap();
        let platform = world.spawn(|world| capture(world, 1, RECOVERABLE));
        let found = world.read_all();

        platform.join().unwrap();
        assert_eq!(all(&[found, world.read_all()]), [1]);
    });
}
