// SPDX-License-Identifier: GPL-2.0-only

//! KUnit tests of the zPCI code that does not depend on the kernel.
//!
//! The files of these tests are also compiled on the build host, where further tests compare the
//! code with models. A comment such as "(cases 8, 21)" names cases in the list of the self-tests,
//! `scenarios.txt`.

use super::ccdf::Ccdf;

#[path = "tests/queue.rs"]
mod queue;
#[path = "tests/session.rs"]
mod session;

/// The two event codes (PEC) of a permanent failure.
const PERMANENT: [u16; 2] = [0x003b, 0x0040];

/// The event code (PEC) of an error from which a function can be recovered.
const RECOVERABLE: u16 = 0x003a;

/// Makes an event whose bytes contain `number`, so that tests can tell events apart.
fn event(number: u8, code: u16) -> Ccdf {
    let mut bytes = [0; Ccdf::SIZE];

    bytes[23] = number;
    bytes[30..].copy_from_slice(&code.to_be_bytes());
    Ccdf::new(bytes)
}
