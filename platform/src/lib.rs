// SPDX-License-Identifier: GPL-2.0-only

//! The firmware of a real machine, played beside a stock QEMU.
//!
//! QEMU's zPCI is gentle: handles stay, nothing is busy, nothing is refused, and most events
//! never come. This plugin sees each instruction by which the guest speaks to firmware
//! before QEMU executes it. It lets QEMU execute it, changes what QEMU makes of it, or
//! answers itself.

#![deny(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod answers;
mod clp;
mod config;
mod event;
mod function;
mod guest;
mod identity;
mod insn;
mod life;
mod platform;
mod profile;
mod sclp;
mod sriov;
mod words;

// What calls QEMU cannot be linked without it.
#[cfg(not(test))]
#[allow(unsafe_code)]
mod api;
#[cfg(not(test))]
mod bell;
