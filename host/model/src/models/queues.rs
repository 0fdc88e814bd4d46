// SPDX-License-Identifier: GPL-2.0-only

//! Each event that is submitted is processed once and in its turn, and each report is sent.

use super::*;
use crate::{
    sync::Mutex,
    zpci::{
        Event,
        EventQueue,
        Report, //
    }, //
};

thread_local! {
    static NEEDED: RefCell<Option<Arc<Mutex<()>>>> = const { RefCell::new(None) };
}

fn numbered(number: u64) -> Event {
    Event::Error(event(number, RECOVERABLE))
}

/// Processes an event by logging it. The first event may have to wait for a lock.
fn process(_zdev: Option<&Device>, event: &Event, _generation: u32) -> Option<()> {
    let Event::Error(ccdf) = event else {
        unreachable!()
    };
    let number = ccdf.bytes()[23];
    let needed = NEEDED.with_borrow(Clone::clone);
    let needed = needed.as_ref().filter(|_| number == 1);
    let needed = needed.map(|needed| needed.try_lock());

    if matches!(needed, Some(None)) {
        log(format!("{number} later"));
        return None;
    }
    log(format!("{number} begins"));
    thread::yield_now();
    log(format!("{number} ends"));
    Some(())
}

// Two threads submit events: each event is processed once, one after the other. An event whose lock
// is held is tried again before all later events.
#[test]
fn a_queue() {
    check("a queue", [3, 4], &["at once", "later"], || {
        let needed = Arc::new(Mutex::unnamed(()));

        NEEDED.set(Some(needed.clone()));
        let worker = Worker::begin();
        let queue = EventQueue::new(3, process).unwrap();
        let (other, theirs) = (queue.clone(), needed);
        let second = thread::spawn(move || {
            let held = theirs.try_lock();

            assert!(other.add(None, numbered(3), 3).is_ok());
            drop(held);
        });

        assert!(queue.clone().add(None, numbered(1), 3).is_ok());
        assert!(queue.add(None, numbered(2), 3).is_ok());
        second.join().unwrap();
        worker.end();
        NEEDED.set(None);

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

// In a storm the queue keeps room for important events, and counts the events that it drops.
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
        assert_eq!(world.read_all(), []);
        let _ = world.zdev.submit(Event::Abandoned);
        let worker = Worker::begin();

        worker.end();
        assert_eq!(world.recovery().unprocessed(), 0);

        let found = world.read_all();

        assert!(in_order(&found));
        // The session's queue has room for 17 events.
        assert_eq!(found.len() + found[0].dropped as usize, 50);
        assert_eq!(found.last().unwrap().number, 48);
        assert_eq!(
            logged()
                .iter()
                .filter(|line| *line == "An event is dropped")
                .count(),
            8 + 2
        );
    });
}

fn report(world: &World, status: &'static CStr) {
    world.zdev.report(Report {
        platform: Some(status),
        ..Report::default()
    });
}

// Each report is sent, or replaced by a newer one.
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

// A report without room replaces the last waiting report.
#[test]
fn too_many_reports() {
    check("too many reports", [0, 0], &[], || {
        let world = World::new(false);

        for _ in 0..20 {
            report(&world, c"earlier");
        }
        report(&world, c"newest");
        Worker::begin().end();
        assert_eq!(logged(), ["\"error event\": \"newest\""]);
    });
}
