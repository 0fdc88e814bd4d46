// SPDX-License-Identifier: GPL-2.0-only

//! Plays the kernel for the files that handle events, so that loom can run them.
//!
//! They are the kernel's own files, mounted by `#[path]` in `zpci.rs`, `arch.rs` and `zdev.rs`; all
//! else stands for what they use. See the README of `host/` for what that covers.

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
