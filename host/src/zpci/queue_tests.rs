// SPDX-License-Identifier: GPL-2.0-only

//! The queue and its model give the same results for any sequence of calls.
//!
//! The numbers in brackets are scenarios from the review of the C version, listed in
//! selftests/scenarios.txt.

use super::{
    common::{
        PERMANENT,
        RECOVERABLE, //
    },
    queue_model::{
        Op,
        Run, //
    },
    session::RecoveredBy,
    strategies::{
        self,
        cases, //
    }, //
};
use proptest::prelude::*;

/// A call; pushes are `pushes` times as frequent as others.
fn op(pushes: u32) -> impl Strategy<Value = Op> {
    prop_oneof![
        pushes => (strategies::code(), strategies::recovered_by())
            .prop_map(|(code, recovered_by)| Op::Push(code, recovered_by)),
        1 => Just(Op::Drop),
        6 => Just(Op::Remove(0)),
        1 => (1..18usize).prop_map(Op::Remove),
        1 => Just(Op::RemoveAgain),
    ]
}

proptest! {
    #![proptest_config(cases(4096))]

    // Any sequence of calls, on queues that are mostly empty or mostly full: events come oldest
    // first and exactly once, and each dropped event is counted. (3, 4, 5, 7, 8, 21, 24)
    #[test]
    fn any_calls_do_what_the_model_does(
        ops in (1..24u32).prop_flat_map(|pushes| prop::collection::vec(op(pushes), 0..200)),
    ) {
        let mut run = Run::with(0);

        for op in ops {
            run.apply(op);
        }
        run.finish();
    }
}

// All short sequences of calls, with a queue that is almost full or full.
#[test]
fn all_calls_at_the_brink_do_what_the_model_does() {
    const CALLS: [Op; 5] = [
        Op::Push(RECOVERABLE, RecoveredBy::Owner),
        Op::Push(PERMANENT[0], RecoveredBy::Owner),
        Op::Drop,
        Op::Remove(0),
        Op::RemoveAgain,
    ];
    // Miri is slow, so it tries only sequences of one call.
    const LENGTH: u32 = if cfg!(miri) { 1 } else { 6 };

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
