// SPDX-License-Identifier: GPL-2.0-only

//! Each event is delivered exactly once, in order, or counted as dropped.

use super::*;

/// Captures an event, as the handler does with both locks of the function held.
fn capture(world: &World, number: u64, code: u16) {
    assert!(world.function().capture(event(number, code)).is_some());
}

// Two readers share the events. One that cannot take its event leaves it for the other, or for
// itself, and not behind younger ones.
#[test]
fn two_readers_and_a_fault() {
    check("two readers and a fault", [3, 5], &["both", "one"], || {
        let world = World::open();
        let first = world.spawn(World::read_all);
        let second = world.spawn(|world| {
            world.read_in_vain();
            world.read_all()
        });

        capture(&world, 1, RECOVERABLE);
        capture(&world, 2, RECOVERABLE);
        let (first, second) = (first.join().unwrap(), second.join().unwrap());
        let rest = world.read_all();

        assert!(in_order(&second) && in_order(&rest));
        reach(if first.is_empty() || second.is_empty() {
            "one"
        } else {
            "both"
        });
        let mut all = numbers(&[first, second, rest].concat());

        all.sort_unstable();
        assert_eq!(all, [1, 2]);
    });
}

// An event that did not arrive is the next one to be taken: without another reader the order is
// kept, whatever is captured meanwhile.
#[test]
fn a_fault_keeps_the_order() {
    check("a fault keeps the order", [3, 6], &[], || {
        let world = World::open();

        capture(&world, 1, RECOVERABLE);
        let reader = world.spawn(|world| {
            world.read_in_vain();
            world.read_all()
        });

        capture(&world, 2, RECOVERABLE);
        capture(&world, 3, PERMANENT);
        let mut all = reader.join().unwrap();

        all.extend(world.read_all());
        assert!(in_order(&all));
        assert_eq!(numbers(&all), [1, 2, 3]);
    });
}

// With a full queue and readers at work, what is not delivered is counted as dropped, and a
// permanent failure is delivered.
#[test]
fn a_full_queue() {
    check(
        "a full queue",
        [2, 4],
        &["dropped", "nothing dropped"],
        || {
            let world = World::open();

            capture(&world, 1, PERMANENT);
            for number in 2..=16 {
                capture(&world, number, RECOVERABLE);
            }
            let first = world.spawn(|world| {
                world.read_in_vain();
                Vec::from_iter(world.read())
            });
            let second = world.spawn(|world| Vec::from_iter(world.read()));

            capture(&world, 17, RECOVERABLE);
            capture(&world, 18, PERMANENT);
            capture(&world, 19, PERMANENT);
            let (first, second) = (first.join().unwrap(), second.join().unwrap());
            let rest = world.read_all();

            assert!(in_order(&rest));
            let dropped = rest.last().unwrap().dropped as usize;

            reach(if dropped > 0 {
                "dropped"
            } else {
                "nothing dropped"
            });
            let mut all = numbers(&[first, second, rest].concat());

            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len() + dropped, 19, "unaccounted");
            assert!([1, 18, 19].iter().all(|number| all.contains(number)));
        },
    );
}

// What was captured before a reset is stale for whoever reads it afterwards, what is captured
// after it is not.
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

            world.function().note_reset();
            capture(&world, 2, RECOVERABLE);
            let mut all = reader.join().unwrap();
            let before = all.len();

            all.extend(world.read_all());
            assert_eq!(numbers(&all), [1, 2]);
            assert!(all[1].flags & STALE == 0);
            reach(if all[0].flags & STALE != 0 {
                "stale"
            } else {
                "not stale"
            });
            assert!(before > 0 || all[0].flags & STALE != 0);
        },
    );
}
