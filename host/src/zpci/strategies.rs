// SPDX-License-Identifier: GPL-2.0-only

//! Strategies for random inputs of the property tests.

use super::{
    common::{
        MEASUREMENT,
        PERMANENT,
        RECOVERED_BY, //
    },
    session::RecoveredBy, //
};
use proptest::{
    prelude::*,
    test_runner::Config, //
};

/// How many cases a property is tried with, unless `PROPTEST_CASES` says otherwise.
pub(super) fn cases(cases: u32) -> Config {
    let default = Config::default();

    Config {
        cases: match std::env::var_os("PROPTEST_CASES") {
            Some(_) => default.cases,
            None => cases,
        },
        // Failed inputs are not saved in a file: a failed input deserves a test of its own.
        failure_persistence: None,
        ..default
    }
}

/// Any code of a transient error.
pub(super) fn recoverable() -> impl Strategy<Value = u16> {
    prop_oneof![
        // The neighbours of codes with another meaning, and the codes of availability events.
        prop::sample::select(&[0, 0x29, 0x2d, 0x38, 0x3a, 0x3c, 0x3f, 0x41, 0x301][..]),
        any::<u16>().prop_filter("not recoverable", |code| {
            !PERMANENT.contains(code) && !MEASUREMENT.contains(code)
        }),
    ]
}

/// Any code of a permanent failure.
pub(super) fn permanent() -> impl Strategy<Value = u16> {
    prop::sample::select(&PERMANENT[..])
}

/// Any code of an error, most often of a transient one.
pub(super) fn code() -> impl Strategy<Value = u16> {
    prop_oneof![3 => recoverable(), 1 => permanent()]
}

/// The sides that may recover a function.
pub(super) fn recovered_by() -> impl Strategy<Value = RecoveredBy> {
    prop::sample::select(&RECOVERED_BY[..])
}
