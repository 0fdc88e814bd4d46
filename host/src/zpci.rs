// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `rust/kernel/zpci.rs`: declares the same modules in the same places.

#[path = "../../rust/kernel/zpci/ccdf.rs"]
mod ccdf;
#[path = "../../rust/kernel/zpci/fib.rs"]
mod fib;
#[path = "../../rust/kernel/zpci/queue.rs"]
mod queue;
#[path = "../../rust/kernel/zpci/record.rs"]
mod record;
#[path = "../../rust/kernel/zpci/session.rs"]
mod session;

#[cfg(any(test, feature = "fuzzing"))]
mod ccdf_model;
#[cfg(any(test, feature = "fuzzing"))]
mod common;
#[cfg(any(test, feature = "fuzzing"))]
mod queue_model;
#[cfg(any(test, feature = "fuzzing"))]
mod session_model;

#[cfg(test)]
mod ccdf_tests;
#[cfg(test)]
mod fib_tests;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod record_tests;
#[cfg(test)]
mod session_tests;
#[cfg(test)]
mod strategies;
#[cfg(test)]
#[path = "../../rust/kernel/zpci/tests.rs"]
mod tests;

#[cfg(feature = "fuzzing")]
pub mod fuzz;
