// SPDX-License-Identifier: GPL-2.0-only

//! The parts of `kernel::zpci` without kernel types, compiled for the host.
//!
//! The files are those that the kernel is built from, not copies. Without tests the crate uses only
//! `core`, as the kernel does. It has no unsafe code, so the worst effects of any input are a wrong
//! result or a panic, which the tests look for.

#![cfg_attr(not(any(test, feature = "fuzzing")), no_std)]
// Code that no test calls is not tested, so the compiler makes unused code an error in tests.
#![cfg_attr(not(test), expect(dead_code, reason = "the kernel uses it"))]
#![forbid(unsafe_code)]

mod zpci;

#[cfg(feature = "fuzzing")]
pub use zpci::fuzz;
