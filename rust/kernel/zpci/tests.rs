// SPDX-License-Identifier: GPL-2.0-only

//! KUnit tests of the code that does not depend on the kernel.
//!
//! These files are also compiled outside of the kernel, with further tests against models.

use super::ccdf::Ccdf;

#[path = "tests/queue.rs"]
mod queue;
#[path = "tests/session.rs"]
mod session;

/// Both codes of a permanent failure.
const PERMANENT: [u16; 2] = [0x003b, 0x0040];

/// A code of an error from which a function can be recovered.
const RECOVERABLE: u16 = 0x003a;

/// Makes an event with this number in its bytes, so that tests can tell events apart.
fn event(number: u8, code: u16) -> Ccdf {
    let mut bytes = [0; Ccdf::SIZE];

    bytes[23] = number;
    bytes[30..].copy_from_slice(&code.to_be_bytes());
    Ccdf::new(bytes)
}
