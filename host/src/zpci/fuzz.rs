// SPDX-License-Identifier: GPL-2.0-only

//! The fuzzer's entries: they turn bytes into events, or into calls of a queue or session and its
//! model.

use super::{
    ccdf_model,
    common::{
        PERMANENT,
        RECOVERABLE,
        RECOVERED_BY, //
    },
    queue_model,
    session::RecoveredBy,
    session_model, //
};

/// Decodes events.
pub fn ccdf(data: &[u8]) {
    for bytes in data.chunks_exact(32) {
        ccdf_model::check(bytes.try_into().unwrap());
    }
}

/// Chooses an error code; the topmost bit of a byte says of which kind.
fn code(byte: u8) -> u16 {
    match byte >> 7 {
        0 => RECOVERABLE,
        _ => PERMANENT[usize::from(byte >> 6 & 1)],
    }
}

fn recovered_by(byte: u8) -> RecoveredBy {
    RECOVERED_BY[usize::from(byte >> 4 & 3) % RECOVERED_BY.len()]
}

/// Calls a queue and its model. The first byte says how many events the queue has at first.
pub fn queue(data: &[u8]) {
    use queue_model::{
        Op,
        Run, //
    };

    let Some((&events, calls)) = data.split_first() else {
        return;
    };
    let mut run = Run::with(usize::from(events % 17));

    for &byte in calls {
        run.apply(match byte % 8 {
            0..=3 => Op::Push(code(byte), recovered_by(byte)),
            4 => Op::Drop,
            5 => Op::Remove(0),
            6 => Op::Remove(usize::from(byte >> 3)),
            _ => Op::RemoveAgain,
        });
    }
    run.finish();
}

/// Calls a session and its model. The first byte says whether KVM has the function.
pub fn session(data: &[u8]) {
    use session_model::{
        Op,
        Run,
        HOUR,
        THREADS, //
    };

    let Some((&guest, calls)) = data.split_first() else {
        return;
    };
    let mut run = Run::new(guest & 1 != 0);

    for &byte in calls {
        let operand = usize::from(byte >> 4);
        let thread = operand % THREADS;

        run.apply(match byte % 16 {
            0..=3 => Op::Capture(code(byte), recovered_by(byte)),
            4 => Op::Wait(HOUR / 4 * operand as u64),
            5 | 6 => Op::Decide(operand % 4 == 3),
            7 => Op::Drop,
            8 => Op::Eventfd(operand & 1 != 0),
            9 => Op::InOrder,
            10 => Op::Listen,
            11 => Op::Peek(thread),
            12 | 13 => Op::Arrived(thread),
            14 => Op::Reset(thread),
            _ => Op::Recovered(thread),
        });
    }
}
