// SPDX-License-Identifier: GPL-2.0-only

//! After a reset config space is as before the error, even if steps of earlier resets have failed.

use super::*;
use crate::zpci::{
    mark_as_working,
    platform::{
        config,
        Platform,
        Step, //
    },
    reset_function, //
};

/// The caller of a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Owner,
    /// The PCI core calls the slot reset, for an administrator or for an owner that resets its
    /// whole bus.
    Core,
}

impl By {
    const ALL: [Self; 2] = [Self::Owner, Self::Core];

    fn reset(self, world: &World) -> Result {
        match self {
            Self::Owner => zdev::reset(&world.device),
            Self::Core => reset_function(&world.zdev, true),
        }
    }
}

/// Makes a function in error, of which its owner has been told.
fn in_error(resets_inside: bool) -> World {
    *platform() = Platform::new();
    platform().resets_inside = resets_inside;
    let world = World::listening();

    platform::raise(&world.zdev, event(1, RECOVERABLE));
    Queue::get().work();
    assert!(!world.zdev.is_in_order());
    logged();
    world
}

/// Resets a function by several callers. The platform refuses one step of the first reset.
fn retry(resets_inside: bool, step: Step, by: &[By]) {
    let case = format!("{resets_inside}, {step:?}, {by:?}");
    let world = in_error(resets_inside);

    for (at, by) in by.iter().enumerate() {
        if at == 0 {
            platform().refuses = Some(step);
        }
        let result = by.reset(&world);

        platform().refuses = None;
        assert!(at == 0 || result.is_ok(), "{case}: {result:?}");
    }
    assert!(world.zdev.is_in_order(), "{case}");
    // Config space of a blocked function can be neither saved nor written, so Command may be lost.
    if step == Step::Unblock {
        assert!(
            [config::IN_USE, config::FOUND].contains(&platform().config()),
            "{case}"
        );
    } else {
        assert_eq!(platform().config(), config::IN_USE, "{case}");
    }
    if by.iter().all(|by| *by == By::Owner) && step != Step::Unblock {
        assert!(platform().inside_is_reset && !platform().went_on, "{case}");
    }
    Queue::get().work();
}

const STEPS: [Step; 6] = [
    Step::Unblock,
    Step::BlockedMeanwhile,
    Step::Disable,
    Step::Enable,
    Step::Register,
    Step::FunctionReset,
];

// A reset by the owner or the PCI core fails. The next reset, by either of them, restores config
// space as it was before the first reset.
#[test]
fn after_a_failure() {
    check("a reset after a failure", [0, 0], &[], || {
        Queue::get().end();
        for resets_inside in [true, false] {
            for step in STEPS {
                for first in By::ALL {
                    for second in By::ALL {
                        retry(resets_inside, step, &[first, second]);
                    }
                }
            }
        }
    });
}

// A reset fails, and then the function works again without a reset: the next reset saves config
// space anew.
#[test]
fn after_an_earlier_owner() {
    check("a reset after an earlier owner's", [0, 0], &[], || {
        Queue::get().end();
        for step in [Step::Enable, Step::Register, Step::FunctionReset] {
            let world = in_error(false);

            platform().refuses = Some(step);
            assert!(zdev::reset(&world.device).is_err());
            platform().refuses = Some(step);
            zdev::close(&world.device);
            Queue::get().work();
            // For example, an administrator has switched the slot off and on.
            *platform() = Platform::new();
            mark_as_working(&world.zdev);
            zdev::open(&world.device).unwrap();
            zdev::set_eventfd(&world.device, true);
            platform().write(config::WORDS - 1, 0x1234);
            let config = platform().config();

            platform::raise(&world.zdev, event(2, RECOVERABLE));
            Queue::get().work();
            zdev::reset(&world.device).unwrap();
            assert_eq!(platform().config(), config, "{step:?}");
            Queue::get().work();
        }
    });
}

// An owner that gives up, after an attempt or without one, leaves a function in order, with config
// space as it was when the function was opened. Nothing of the owner's is left in it.
#[test]
fn after_an_owner_that_gave_up() {
    check("a reset after an owner that gave up", [0, 0], &[], || {
        Queue::get().end();
        for resets_inside in [true, false] {
            for step in STEPS {
                for first in [None, Some(By::Owner), Some(By::Core)] {
                    let case = format!("{resets_inside}, {step:?}, {first:?}");
                    let world = in_error(resets_inside);

                    platform().refuses = Some(step);
                    if let Some(first) = first {
                        let _ = first.reset(&world);
                        platform().refuses = None;
                    }
                    zdev::close(&world.device);
                    platform().refuses = None;
                    Queue::get().work();
                    assert!(world.zdev.is_in_order(), "{case}");
                    assert_eq!(platform().config(), config::FOUND, "{case}");
                }
            }
        }
    });
}

// If closing a function does not reset it, the work item does, and waits for the device: an event
// from before that reset, which has not been processed, is no error of the device as it is now.
#[test]
fn after_it_was_closed() {
    check("a reset after closing", [0, 0], &[], || {
        Queue::get().end();
        for late in [false, true] {
            let world = in_error(false);

            platform().refuses = Some(Step::Disable);
            zdev::close(&world.device);
            if late {
                platform::raise(&world.zdev, event(2, RECOVERABLE));
            }
            Queue::get().work();
            assert!(world.zdev.is_in_order(), "{late}");
            assert!(platform().inside_is_reset, "{late}");
            assert_eq!(platform().config(), config::FOUND, "{late}");
        }
    });
}

// A reset that the platform refuses from the beginning leaves a function that was in order as it
// was. It is in error if it has come further, which is reported, and its owner or the next one
// resets it.
#[test]
fn of_a_function_in_order() {
    check("a reset of a function in order", [0, 0], &[], || {
        Queue::get().end();
        for step in STEPS {
            *platform() = Platform::new();
            let world = World::listening();

            platform().refuses = Some(step);
            let result = By::Core.reset(&world);
            let stays = !matches!(step, Step::Enable | Step::Register);

            platform().refuses = None;
            assert_eq!(world.zdev.is_in_order(), stays, "{step:?}");
            assert_eq!(result.is_err(), step == Step::Disable || !stays, "{step:?}");
            Queue::get().work();
            assert_eq!(
                logged().iter().any(|line| line.contains("failed (reset)")),
                !stays,
                "{step:?}"
            );
            if !stays {
                zdev::reset(&world.device).unwrap();
            }
            assert_eq!(platform().config(), config::IN_USE, "{step:?}");
            Queue::get().work();
        }
    });
}

// A device whose only reset is through its slot is reset once, not twice, and config space is
// restored.
#[test]
fn of_the_slot_alone() {
    check("a device that is reset with its slot", [0, 0], &[], || {
        Queue::get().end();
        for by in By::ALL {
            let world = in_error(false);
            let before = world.zdev.generation();

            platform().resets_itself = false;
            by.reset(&world).unwrap();
            assert!(world.zdev.is_in_order(), "{by:?}");
            assert_eq!(world.zdev.generation(), before + 1, "{by:?}");
            assert_eq!(platform().config(), config::IN_USE, "{by:?}");
            // The slot reset, which was left out during the first reset, can be used again.
            reset_function(&world.zdev, false).unwrap();
            assert_eq!(world.zdev.generation(), before + 2, "{by:?}");
            assert!(world.zdev.is_in_order(), "{by:?}");
            Queue::get().work();
        }
    });
}

// The end of each reset of a function in error is reported, with its result.
#[test]
fn reported() {
    check("a reset is reported", [0, 0], &[], || {
        Queue::get().end();
        for by in By::ALL {
            for (refuses, report) in [
                (None, r#""recovery": "success\n"#),
                (Some(Step::Enable), r#""recovery": "failed (reset)\n"#),
            ] {
                let world = in_error(true);

                platform().refuses = refuses;
                assert_eq!(by.reset(&world).is_ok(), refuses.is_none());
                Queue::get().work();
                let log = logged();
                let reports: Vec<_> = log.iter().filter(|line| line.starts_with('"')).collect();

                assert!(
                    matches!(reports[..], [one] if one.starts_with(report)),
                    "{by:?}: {log:?}"
                );
            }
        }
    });
}

// A function with too many errors stays in error. After a reset by an administrator the host
// recovers the function again.
#[test]
fn after_too_many_errors() {
    check("a reset after too many errors", [0, 0], &[], || {
        let world = World::open();

        Queue::get().end();
        for number in 1..=12 {
            let by_host = number % 6 != 0;

            platform::raise(&world.zdev, event(number, RECOVERABLE));
            Queue::get().work();
            assert_eq!(world.zdev.is_in_order(), by_host, "{number}");
            if !by_host {
                By::Core.reset(&world).unwrap();
            }
            assert!(world.zdev.is_in_order(), "{number}");
        }
        Queue::get().work();

        for found in world.read_all() {
            let flag = if found.number % 6 != 0 {
                HOST_RECOVERED
            } else {
                UNATTENDED
            };

            assert_eq!(found.flags & (HOST_RECOVERED | UNATTENDED), flag);
        }
    });
}
