// SPDX-License-Identifier: GPL-2.0-only

//! The queue does what a plain model does, for any sequence of calls.
//!
//! Numbers in brackets are those of the scenarios that were collected from the review of the C
//! version.

use super::{
    common::{
        PERMANENT,
        RECOVERABLE, //
    },
    queue::Recovery,
    queue_model::{
        Op,
        Run,
        READERS, //
    },
    strategies::{
        self,
        cases, //
    }, //
};
use proptest::prelude::*;

fn recovery() -> impl Strategy<Value = Recovery> {
    prop::sample::select(&[Recovery::Owner, Recovery::Host, Recovery::Nobody][..])
}

fn code() -> impl Strategy<Value = u16> {
    prop_oneof![3 => strategies::recoverable(), 1 => strategies::permanent()]
}

/// One call; `pushes` says how much more often than others something is pushed.
fn op(pushes: u32) -> impl Strategy<Value = Op> {
    prop_oneof![
        pushes => (code(), recovery()).prop_map(|(code, recovery)| Op::Push(code, recovery)),
        1 => code().prop_map(Op::PushStale),
        1 => Just(Op::Lose),
        6 => (0..READERS).prop_map(Op::Take),
        3 => (0..READERS).prop_map(Op::Delivered),
        3 => (0..READERS).prop_map(Op::GiveBack),
        1 => Just(Op::Reset),
    ]
}

proptest! {
    #![proptest_config(cases(4096))]

    // Any calls, now with a queue that is often empty, now with one that is often full: oldest
    // first, exactly once, nothing lost silently. (3, 4, 5, 7, 8, 21, 24, 70)
    #[test]
    fn any_calls_do_what_the_model_does(
        ops in (1..24u32).prop_flat_map(|pushes| prop::collection::vec(op(pushes), 0..200)),
    ) {
        let mut run = Run::default();

        for op in ops {
            run.apply(op);
        }
        run.finish();
    }
}

// The same for all short sequences of calls there are, with a queue that is almost full or full.
#[test]
fn all_calls_at_the_brink_do_what_the_model_does() {
    const CALLS: [Op; 7] = [
        Op::Push(RECOVERABLE, Recovery::Owner),
        Op::Push(PERMANENT[0], Recovery::Owner),
        Op::Take(0),
        Op::Take(1),
        Op::Delivered(0),
        Op::GiveBack(0),
        Op::Reset,
    ];
    // Miri is slow.
    const LENGTH: u32 = if cfg!(miri) { 1 } else { 5 };

    for number in 0..CALLS.len().pow(LENGTH) {
        for events in 14..=16 {
            let mut run = Run::with(events);
            let mut rest = number;

            for _ in 0..LENGTH {
                run.apply(CALLS[rest % CALLS.len()]);
                rest /= CALLS.len();
            }
            run.finish();
        }
    }
}
