// SPDX-License-Identifier: GPL-2.0-only

//! What is submitted is processed, once and in its turn; what is reported is sent.

use super::*;
use crate::{
    sync::Mutex,
    zpci::{
        Item,
        Progress,
        Report,
        SerialQueue, //
    }, //
};

/// An item that says in the log when it is processed, and may need something for that.
#[derive(Clone)]
struct Number(u32, Option<Arc<Mutex<()>>>);

impl Item for Number {
    fn process(&self) -> Progress {
        let needed = self.1.as_ref().map(|needed| needed.try_lock());

        if matches!(needed, Some(None)) {
            log(format!("{} later", self.0));
            return Progress::Later;
        }
        log(format!("{} begins", self.0));
        thread::yield_now();
        log(format!("{} ends", self.0));
        Progress::Done
    }
}

// Items of two threads are each processed once, one after the other, and none is left. One that
// cannot be processed yet is tried again, before those behind it.
#[test]
fn a_serial_queue() {
    check("a serial queue", [3, 4], &["at once", "later"], || {
        let worker = Worker::begin();
        let needed = Arc::new(Mutex::unnamed(()));
        let queue = SerialQueue::new(3).unwrap();
        let (other, theirs) = (queue.clone(), needed.clone());
        let second = thread::spawn(move || {
            let held = theirs.try_lock();

            assert!(other.add(Number(3, None), 3).is_ok());
            drop(held);
        });

        assert!(queue.clone().add(Number(1, Some(needed)), 3).is_ok());
        assert!(queue.add(Number(2, None), 3).is_ok());
        second.join().unwrap();
        worker.end();

        let log = logged();
        let later = log.iter().take_while(|line| *line != "1 begins");
        let later = later.filter(|line| *line == "1 later").count();
        let done: Vec<_> = log.iter().filter(|line| *line != "1 later").collect();

        reach(if later > 0 { "later" } else { "at once" });
        assert_eq!(log.len(), 6 + later, "tried again after it was done");
        assert!(done
            .chunks(2)
            .all(|pair| pair[0].replace("begins", "ends") == *pair[1] && pair[0] != pair[1]));
        let place = |line: &str| log.iter().position(|other| other == line).unwrap();

        assert!(place("1 ends") < place("2 begins"));
        if later > 0 {
            let begun = &log[place("1 later")..place("1 begins")];

            assert!(begun.iter().all(|line| line == "1 later"), "{log:?}");
        }
    });
}

// A storm leaves room for what must not be missed, and what there is no room for is counted.
#[test]
fn a_storm() {
    check("a storm", [0, 0], &[], || {
        let world = World::listening();

        for number in 1..=40 {
            platform::raise(&world.zdev, event(number, RECOVERABLE));
        }
        for number in 41..=50 {
            platform::raise(&world.zdev, event(number, PERMANENT));
        }
        assert_eq!(world.recovery().unprocessed(), 32 + 8);
        let lost = world.read_all();

        assert_eq!(lost, []);
        world.zdev.abandon();
        let worker = Worker::begin();

        worker.end();
        assert_eq!(world.recovery().unprocessed(), 0);

        let found = world.read_all();

        assert!(in_order(&found));
        // 17 fit into the queue of the session.
        assert_eq!(found.len() + found[0].dropped as usize, 50);
        assert_eq!(found.last().unwrap().number, 48);
        assert_eq!(
            logged()
                .iter()
                .filter(|line| *line == "An event is lost")
                .count(),
            8 + 2
        );
    });
}

fn report(world: &World, status: &'static CStr) {
    world
        .zdev
        .report(Report::new().platform(c"recovery", status));
}

// Each report is sent, or overtaken by a newer one that says all that it says.
#[test]
fn reports() {
    check("reports", [3, 4], &[], || {
        let world = World::new(false);
        let worker = Worker::begin();
        let other = world.spawn(|world| report(world, c"other"));

        report(&world, c"first");
        report(&world, c"last");
        other.join().unwrap();
        worker.end();

        let log = logged();
        let newest = log.last().unwrap();

        assert!(newest.contains("last") || newest.contains("other"));
        assert!(log.len() <= 3);
        assert!(log.iter().any(|line| line.contains("last")) || newest.contains("other"));
        drop(world);
    });
}

// If there is no room for a report the newest one is sent.
#[test]
fn too_many_reports() {
    check("too many reports", [0, 0], &[], || {
        let world = World::new(false);

        for _ in 0..20 {
            report(&world, c"earlier");
        }
        report(&world, c"newest");
        Worker::begin().end();
        assert_eq!(logged(), ["\"recovery\": \"newest\""]);
    });
}
