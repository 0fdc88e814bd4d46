// SPDX-License-Identifier: GPL-2.0-only

//! Tests of the logic that needs nothing of the kernel, for KUnit.
//!
//! The same files are compiled for the host, where there are more tests, against models.

use super::ccdf::Ccdf;

#[path = "tests/queue.rs"]
mod queue;
#[path = "tests/session.rs"]
mod session;

/// Both codes that say that a function is lost.
const PERMANENT: [u16; 2] = [0x003b, 0x0040];

/// A code that says that a function may come back.
const RECOVERABLE: u16 = 0x003a;

/// Makes an event that can be told from others by its number.
fn event(number: u8, code: u16) -> Ccdf {
    let mut bytes = [0; Ccdf::SIZE];

    bytes[23] = number;
    bytes[30..].copy_from_slice(&code.to_be_bytes());
    Ccdf::new(bytes)
}
