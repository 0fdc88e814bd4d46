// SPDX-License-Identifier: GPL-2.0-only

//! What several of the tests use.

use super::ccdf::ErrorEvent;
use proptest::{
    prelude::*,
    test_runner::Config, //
};

/// Both codes that say that a function is lost.
pub(super) const PERMANENT: [u16; 2] = [0x003b, 0x0040];

/// The codes that only concern the measurement block.
pub(super) const MEASUREMENT: [u16; 3] = [0x002a, 0x002b, 0x002c];

/// A code that says that a function may come back.
pub(super) const RECOVERABLE: u16 = 0x003a;

/// How many cases a property is tried with, unless `PROPTEST_CASES` says something else.
pub(super) fn cases(cases: u32) -> Config {
    let default = Config::default();

    Config {
        cases: match std::env::var_os("PROPTEST_CASES") {
            Some(_) => default.cases,
            None => cases,
        },
        // A case that has failed is worth a test of its own, and not a file of numbers.
        failure_persistence: None,
        ..default
    }
}

/// Makes the bytes of an event, as the platform does: big-endian.
pub(super) fn ccdf(handle: u32, function: u32, address: u64, code: u16) -> [u8; 32] {
    let mut bytes = [0; 32];

    bytes[4..8].copy_from_slice(&handle.to_be_bytes());
    bytes[8..12].copy_from_slice(&function.to_be_bytes());
    bytes[16..24].copy_from_slice(&address.to_be_bytes());
    bytes[30..32].copy_from_slice(&code.to_be_bytes());
    bytes
}

/// Makes an event that can be told from others by its number.
pub(super) fn event(number: u64, code: u16) -> ErrorEvent {
    ErrorEvent::new(ccdf(0x8000_0001, 0x17, number, code))
}

/// Any code of a function that may come back.
pub(super) fn recoverable() -> impl Strategy<Value = u16> {
    prop_oneof![
        // Neighbours of the others, and those that mean something elsewhere.
        prop::sample::select(&[0, 0x29, 0x2d, 0x38, 0x3a, 0x3c, 0x3f, 0x41, 0x301][..]),
        any::<u16>().prop_filter("not recoverable", |code| {
            !PERMANENT.contains(code) && !MEASUREMENT.contains(code)
        }),
    ]
}

/// Any code of a function that is lost.
pub(super) fn permanent() -> impl Strategy<Value = u16> {
    prop::sample::select(&PERMANENT[..])
}
