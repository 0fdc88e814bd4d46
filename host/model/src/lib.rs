// SPDX-License-Identifier: GPL-2.0-only

//! Stands for the kernel below the files that process events, so that loom can run these in all
//! orders.
//!
//! They are the kernel's own files, mounted by `#[path]` in `zpci.rs`, `arch.rs` and `zdev.rs`; all
//! other files here stand for the code that they use. The README of `host/` says what that covers.

#![cfg(test)]
#![feature(arbitrary_self_types)]

extern crate self as kernel;

mod arch;
mod bindings;
mod mm;
use mm as page;
use std::fmt;
mod pci;
mod prelude;
mod sync;
mod time;
mod uaccess;
mod vfio;
mod workqueue;
mod zdev;
mod zpci;

mod models;
