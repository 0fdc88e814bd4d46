// SPDX-License-Identifier: GPL-2.0-only

//! What is submitted is handled, once and in its turn; what is reported is sent.

use super::*;
use crate::{
    sync::static_lock_class,
    zpci::{
        Item,
        Report,
        SerialQueue, //
    }, //
};

/// An item that says in the log when it is handled.
struct Number(u32);

impl Item for Number {
    fn handle(self) {
        log(format!("{} begins", self.0));
        thread::yield_now();
        log(format!("{} ends", self.0));
    }
}

/// Whether `wanted` are in the log, in this order.
fn are_in_order(log: &[String], wanted: &[&str]) -> bool {
    let mut rest = log.iter();

    wanted.iter().all(|wanted| rest.any(|line| line == wanted))
}

// Items of two threads are each handled once, one after the other, and none is left.
#[test]
fn a_serial_queue() {
    check("a serial queue", [3, 4], &[], || {
        let worker = thread::spawn(|| Queue::get().work());
        let queue =
            SerialQueue::new(c"numbers", static_lock_class!(), static_lock_class!()).unwrap();
        let other = queue.clone();
        let add = |queue: &crate::sync::Arc<SerialQueue<Number>>, number| {
            assert!(queue.as_arc_borrow().add(Number(number), None).is_ok());
        };
        let second = thread::spawn(move || add(&other, 3));

        add(&queue, 1);
        add(&queue, 2);
        second.join().unwrap();
        Worker(worker).end();

        let log = logged();

        assert_eq!(log.len(), 6);
        assert!(log
            .chunks(2)
            .all(|pair| { pair[0].replace("begins", "ends") == pair[1] && pair[0] != pair[1] }));
        assert!(are_in_order(&log, &["1 begins", "2 begins"]));
        assert!(log.contains(&"3 ends".into()));
    });
}

fn report(world: &World, status: &'static CStr) {
    world
        .function()
        .report(Report::new(&world.zdev).platform(c"recovery", status));
}

// Each report is sent, or overtaken by a newer one that says all that it says.
#[test]
fn reports() {
    check("reports", [3, 4], &[], || {
        let world = World::new(false);
        let worker = world.work();
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

// There is always memory for one event. Others are counted, and do not keep the function busy.
#[test]
fn no_memory() {
    check("no memory", [2, 3], &[], || {
        let world = World::listening();
        let worker = world.work();

        exhaust(true);
        zpci::raise(&world.zdev, event(1, RECOVERABLE));
        zpci::raise(&world.zdev, event(2, RECOVERABLE));
        exhaust(false);
        zpci::raise(&world.zdev, event(3, RECOVERABLE));
        worker.end();
        assert!(!world.function().is_busy());

        let found: Vec<_> = core::iter::from_fn(|| world.read()).collect();
        let numbers: Vec<_> = found.iter().map(|found| found.number).collect();

        match found[0].dropped {
            0 => assert_eq!(numbers, [1, 2, 3]),
            1 => assert_eq!(numbers, [1, 3]),
            _ => panic!("more than one is lost"),
        }
        assert_eq!(found.last().unwrap().sequence, 3);
    });
}
