// SPDX-License-Identifier: GPL-2.0-only

//! Exactly one side recovers a function in error, and that side can do so.

use super::*;
use crate::zpci::{
    channel_state,
    platform::config,
    reset_function,
    set_killed,
    ChannelState,
    Locks,
    State, //
};

/// Resets the function until it works: a new event may have put it in error again.
fn recover(world: &World) {
    while !world.zdev.is_in_order() {
        zdev::reset(&world.device).unwrap();
    }
    // The worker thread has ended, so its remaining items are processed here.
    Queue::get().work();
}

// An owner that is signalled finds its event, and its first reset succeeds.
#[test]
fn woken() {
    check("an owner that is woken", [2, 3], &[], || {
        let world = World::listening();
        let worker = Worker::begin();
        let platform = world.raise([event(1, RECOVERABLE)]);

        world.zdev.wait();
        let found = world.read().expect("an event");

        assert_eq!((found.number, found.sequence, found.flags), (1, 1, 1));
        zdev::reset(&world.device).expect("a reset");
        assert!(world.zdev.is_in_order());
        platform.join().unwrap();
        worker.end();
        assert!(world.zdev.is_in_order());
        assert_eq!(world.read(), None);
    });
}

// Further events come while the owner recovers: each one is delivered once and in order, or ignored
// because it is older than the reset. In the end a reset makes the function work.
#[test]
fn events_during_a_reset() {
    check(
        "events during a reset",
        [2, 3],
        &["stale", "not stale"],
        || {
            let world = World::listening();
            let worker = Worker::begin();
            let platform = world.raise([event(1, RECOVERABLE), event(2, RECOVERABLE)]);

            world.zdev.wait();
            let mut all = world.read_all();

            assert!(!all.is_empty());
            // The reset fails if an event comes during the reset.
            let _ = zdev::reset(&world.device);
            platform.join().unwrap();
            worker.end();
            all.extend(world.read_all());
            assert!(in_order(&all));
            match &numbers(&all)[..] {
                // The function was disabled before the second event was submitted.
                [1] => (),
                [1, 2] if all[1].flags & STALE != 0 => reach("stale"),
                [1, 2] => reach("not stale"),
                numbers => panic!("{numbers:?}"),
            }
            recover(&world);
            assert_eq!(platform::platform().config(), config::IN_USE);
        },
    );
}

// Two callers reset at the same time: both succeed.
#[test]
fn two_resets() {
    check("two resets", [1, 3], &[], || {
        let world = World::listening();
        let worker = Worker::begin();

        platform::raise(&world.zdev, event(1, RECOVERABLE));
        let other = world.spawn(|world| zdev::reset(&world.device));

        assert_eq!(zdev::reset(&world.device), Ok(()));
        assert_eq!(other.join().unwrap(), Ok(()));
        worker.end();
        assert!(world.zdev.is_in_order());
        assert_eq!(platform().config(), config::IN_USE);
        assert_eq!(numbers(&world.read_all()), [1]);
    });
}

// An administrator resets the slot while an event comes, and the signalled owner resets, too.
#[test]
fn an_administrator() {
    check(
        "an administrator resets",
        [2, 3],
        &["reset", "busy", "ignored", "told"],
        || {
            let world = World::listening();
            let worker = Worker::begin();
            let platform = world.raise([event(1, RECOVERABLE)]);

            reach(match reset_function(&world.zdev, true) {
                Ok(()) => "reset",
                Err(EAGAIN) => "busy",
                Err(error) => panic!("{error:?}"),
            });
            platform.join().unwrap();
            worker.end();
            let found = world.read_all();

            match found.len() {
                // The event is older than the administrator's reset, and was ignored.
                0 => {
                    reach("ignored");
                    assert!(world.zdev.is_in_order());
                }
                _ => {
                    reach("told");
                    assert_eq!(numbers(&found), [1]);
                    assert!(world.zdev.signals() > 0);
                }
            }
            recover(&world);
        },
    );
}

// An owner begins to listen while an event comes: the owner is signalled, or the host has recovered
// the function.
#[test]
fn listening_begins() {
    check(
        "an owner begins to listen",
        [3, 4],
        &["host", "owner"],
        || {
            let world = World::open();
            let worker = Worker::begin();
            let platform = world.raise([event(1, RECOVERABLE)]);

            zdev::set_eventfd(&world.device, true);
            platform.join().unwrap();
            worker.end();

            let signals = world.zdev.signals();
            let all = world.read_all();

            assert_eq!(numbers(&all), [1]);
            assert!(signals > 0);
            if all[0].flags & HOST_RECOVERED != 0 {
                reach("host");
                assert!(world.zdev.is_in_order());
            } else {
                reach("owner");
                recover(&world);
            }
        },
    );
}

// With KVM the eventfd is signalled when the owner asks for events, and not before.
#[test]
fn a_guest_asks() {
    check("a guest asks", [3, 4], &["unattended", "owner"], || {
        let world = World::new(true);

        zdev::open(&world.device).unwrap();
        zdev::set_eventfd(&world.device, true);
        let worker = Worker::begin();
        let platform = world.raise([event(1, RECOVERABLE)]);

        assert_eq!(world.zdev.signals(), 0);
        zdev::probe(&world.device);
        platform.join().unwrap();
        worker.end();
        assert_eq!(world.zdev.signals(), 1);

        let found = world.read().expect("an event");

        reach(if found.flags & UNATTENDED != 0 {
            "unattended"
        } else {
            "owner"
        });
        recover(&world);
    });
}

// A question that gets no answer is none: a guest that has read in vain, or of the last event, does
// not listen yet, and is signalled once it asks.
#[test]
fn a_guest_reads_in_vain() {
    check("a guest reads in vain", [2, 3], &[], || {
        let world = World::new(true);

        zdev::open(&world.device).unwrap();
        zdev::set_eventfd(&world.device, true);
        platform::raise(&world.zdev, event(1, RECOVERABLE));
        Worker::begin().end();
        world.read_in_vain();
        zdev::read(&world.zdev, 8, Memory::Present).unwrap();
        assert_eq!(world.zdev.signals(), 0);
        zdev::probe(&world.device);
        assert_eq!(world.zdev.signals(), 1);
        recover(&world);
    });
}

// Two events, a reader whose first read fails, and a reset, at the same time.
#[test]
fn all_at_once() {
    check("events, a reader and a reset", [1, 2], &[], || {
        let world = World::listening();
        let worker = Worker::begin();
        let platform = world.raise([event(1, RECOVERABLE), event(2, PERMANENT)]);
        let reader = world.spawn(|world| {
            let _ = world.try_read(Memory::Forbidden);
            world.read_all()
        });

        let _ = zdev::reset(&world.device);
        platform.join().unwrap();
        worker.end();
        let all = [reader.join().unwrap(), world.read_all()].concat();

        // An event from before the reset is ignored.
        assert!(in_order(&all) && all.len() <= 2, "{all:?}");
        recover(&world);
    });
}

// An event comes while the function is being opened. The open succeeds and the function works; or
// the owner finds the event, but only if the owner is a guest; or the open fails, and the host
// recovers the function.
fn opening(name: &str, guest: bool, ends: &[&'static str]) {
    check(name, [3, 4], ends, move || {
        let world = World::new(guest);
        let worker = Worker::begin();
        let platform = world.raise([event(1, RECOVERABLE)]);
        let opened = zdev::open(&world.device);

        platform.join().unwrap();
        worker.end();
        if opened.is_err() {
            reach("not opened");
            assert!(world.zdev.is_in_order());
            assert!(!world.recovery().is_open());
            zdev::open(&world.device).unwrap();
            assert_eq!(world.read_all(), []);
            return;
        }
        let found = world.read_all();

        if !world.zdev.is_in_order() {
            reach("left to the owner");
            assert_eq!(numbers(&found), [1]);
            recover(&world);
            return;
        }
        reach(match found.first().map(|found| found.flags) {
            None => "from before",
            Some(flags) if flags & HOST_RECOVERED != 0 => "recovered by the host",
            Some(flags) => panic!("{flags:#x}"),
        });
    });
}

#[test]
fn opening_by_a_program() {
    opening(
        "an event while a program opens",
        false,
        &["from before", "recovered by the host", "not opened"],
    );
}

#[test]
fn opening_by_a_guest() {
    opening(
        "an event while a guest opens",
        true,
        &["from before", "left to the owner", "not opened"],
    );
}

// An owner closes the function while an event is reported: the event belongs to that owner or to
// the host, the function is recovered, and the next owner does not see the event.
#[test]
fn closing_and_opening() {
    check(
        "closing and opening",
        [2, 3],
        &["left unread", "host's", "next owner's"],
        || {
            let world = World::listening();
            let worker = Worker::begin();
            let platform = world.raise([event(1, RECOVERABLE)]);

            zdev::close(&world.device);
            let before = platform::reported();
            let opened = zdev::open(&world.device);

            platform.join().unwrap();
            worker.end();
            if opened.is_err() {
                assert!(world.zdev.is_in_order());
                zdev::open(&world.device).unwrap();
            }
            recover(&world);
            let unread = logged()
                .iter()
                .filter(|line| line.contains("count=1"))
                .count();
            let found = world.read_all();

            assert!(world.zdev.is_in_order());
            match (found.len(), unread) {
                (0, 0) => reach("host's"),
                (0, 1) => reach("left unread"),
                (1, 0) if before == 0 => reach("next owner's"),
                found => panic!("{found:?}"),
            }
        },
    );
}

// An owner closes a function in error: the host recovers the function, and unread events are
// counted.
#[test]
fn leaving() {
    check("leaving a function in error", [1, 3], &[], || {
        let world = World::listening();
        let worker = Worker::begin();
        let platform = world.raise([event(1, RECOVERABLE), event(2, RECOVERABLE)]);

        world.zdev.wait();
        zdev::close(&world.device);
        platform.join().unwrap();
        worker.end();
        assert!(world.zdev.is_in_order());
        assert!(logged()
            .iter()
            .any(|line| line.contains("Unhandled PCI error events count=")));
    });
}

// An owner that is killed while it closes waits for the lock all the same, and one that is killed
// while it resets does not wait.
#[test]
fn killed() {
    check("an owner that is killed", [2, 3], &[], || {
        let world = World::new(true);

        zdev::open(&world.device).unwrap();
        let state = world.zdev.try_lock_state().unwrap();

        set_killed(true);
        assert_eq!(zdev::reset(&world.device), Err(EINTR));
        let closer = world.spawn(|world| zdev::close(&world.device));

        thread::yield_now();
        drop(state);
        closer.join().unwrap();
        set_killed(false);
        assert_eq!(logged(), Vec::<String>::new());
    });
}

// An event that was processed before a session began does not belong to the session's owner.
#[test]
fn from_before_the_session() {
    check("an event from before the session", [3, 4], &[], || {
        let world = World::new(false);

        platform::raise(&world.zdev, event(1, RECOVERABLE));
        platform().unblock().unwrap();
        platform().clear_error().unwrap();
        let Some(Locks::Both(device)) = world.zdev.try_lock() else {
            panic!("busy");
        };

        device.begin_session(false).unwrap();
        drop(device);
        let worker = Worker::begin();

        assert_eq!(world.read(), None);
        worker.end();
        assert_eq!(world.read(), None);
        assert!(world.zdev.is_in_order());
    });
}

// A function is taken away while its owner resets it: the owner gives up and closes it, no thread
// waits for another one, and the device stays marked as failed for good.
#[test]
fn taken_away() {
    check(
        "a function is taken away",
        [2, 3],
        &["reset before", "given up"],
        || {
            let world = World::listening();
            let worker = Worker::begin();

            platform::raise(&world.zdev, event(1, RECOVERABLE));
            let platform = thread::spawn(|| {
                platform::take_away(Ccdf::new(ccdf(0, 0x0304)));
            });

            match zdev::reset(&world.device) {
                Ok(()) => reach("reset before"),
                Err(ENODEV | EIO) => reach("given up"),
                Err(error) => panic!("{error:?}"),
            }
            platform.join().unwrap();
            let lost = world.zdev.device();

            assert!(!world.zdev.is_gone() || channel_state(lost) == ChannelState::PermanentFailure);
            zdev::close(&world.device);
            worker.end();
            assert_eq!(world.zdev.state(), State::Standby);
            assert!(!world.zdev.has_pdev() && !world.zdev.is_bound());
            assert_eq!(channel_state(lost), ChannelState::PermanentFailure);
        },
    );
}
