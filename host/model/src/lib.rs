// SPDX-License-Identifier: GPL-2.0-only

//! A small kernel for the files that process events, so that loom can run those files in all orders
//! of their threads.
//!
//! `zpci.rs`, `arch.rs` and `zdev.rs` mount the kernel's own files by `#[path]`. All other files
//! here stand for code that those files call. The README of `host/` says what the model covers.

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
