// SPDX-License-Identifier: GPL-2.0-only

//! A second decoder of events, written differently, to compare with the kernel's.

use super::{
    ccdf::{
        Ccdf,
        Severity, //
    },
    common::{
        MEASUREMENT,
        PERMANENT, //
    }, //
};
use std::ops::Range;

pub(super) const HANDLE: Range<usize> = 4..8;
pub(super) const FUNCTION: Range<usize> = 8..12;
pub(super) const CODE: Range<usize> = 30..32;

/// Returns the big-endian number in some bytes, put together bit by bit.
fn number(bytes: &[u8]) -> u64 {
    let mut number = 0;

    for byte in bytes {
        for bit in (0..8).rev() {
            number = number * 2 + u64::from(byte >> bit & 1);
        }
    }
    number
}

/// Returns the severity that the C version gives to a code.
pub(super) fn severity(code: u16) -> Severity {
    match code {
        code if MEASUREMENT.contains(&code) => Severity::Measurement,
        code if PERMANENT.contains(&code) => Severity::Permanent,
        _ => Severity::Recoverable,
    }
}

/// Checks that an event keeps its bytes, and that each field is the big-endian number in
/// them.
pub(super) fn check(bytes: [u8; 32]) {
    let event = Ccdf::new(bytes);

    assert_eq!(event.bytes(), &bytes);
    assert_eq!(u64::from(event.fh().as_raw()), number(&bytes[HANDLE]));
    assert_eq!(u64::from(event.fid().as_raw()), number(&bytes[FUNCTION]));
    assert_eq!(u64::from(event.pec().as_raw()), number(&bytes[CODE]));
    assert_eq!(event.pec().severity(), severity(event.pec().as_raw()));
}
