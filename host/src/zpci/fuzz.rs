// SPDX-License-Identifier: GPL-2.0-only

//! What a fuzzer feeds: bytes become events, or calls that are done to the thing and to its model.

use super::{
    ccdf_model,
    common::{
        PERMANENT,
        RECOVERABLE, //
    },
    queue::Recovery,
    queue_model,
    session_model, //
};

/// Decodes events.
pub fn ccdf(data: &[u8]) {
    for bytes in data.chunks_exact(32) {
        ccdf_model::check(bytes.try_into().unwrap());
    }
}

/// A code that the topmost bit of a byte chooses.
fn code(byte: u8) -> u16 {
    match byte >> 7 {
        0 => RECOVERABLE,
        _ => PERMANENT[usize::from(byte >> 6 & 1)],
    }
}

/// Calls a queue. The first byte says how many events are in it before.
pub fn queue(data: &[u8]) {
    use queue_model::{
        Op,
        Run,
        READERS, //
    };
    const RECOVERIES: [Recovery; 3] = [Recovery::Owner, Recovery::Host, Recovery::Nobody];

    let Some((&events, calls)) = data.split_first() else {
        return;
    };
    let mut run = Run::with(usize::from(events % 17));

    for &byte in calls {
        let operand = usize::from(byte >> 3);
        let reader = operand % READERS;

        run.apply(match byte % 7 {
            0 => Op::Push(code(byte), RECOVERIES[operand % RECOVERIES.len()]),
            1 => Op::PushStale(code(byte)),
            2 => Op::Lose,
            3 => Op::Take(reader),
            4 => Op::Delivered(reader),
            5 => Op::GiveBack(reader),
            _ => Op::Reset,
        });
    }
    run.finish();
}

/// Calls a session. The first byte says whether KVM has the function.
pub fn session(data: &[u8]) {
    use session_model::{
        Op,
        Run, //
    };

    let Some((&guest, calls)) = data.split_first() else {
        return;
    };
    let mut run = Run::new(guest & 1 != 0);

    for &byte in calls {
        run.apply(match byte % 16 {
            0..=4 => Op::Capture(code(byte)),
            5 => Op::CaptureStale,
            6 => Op::Lose,
            7 => Op::Eventfd(false),
            8 => Op::Eventfd(true),
            9 | 10 => Op::Take,
            11 | 12 => Op::Delivered,
            13 => Op::GiveBack,
            14 => Op::Last,
            _ => Op::Reset,
        });
    }
}
