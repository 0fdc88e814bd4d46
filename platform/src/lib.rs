// SPDX-License-Identifier: GPL-2.0-only

//! Plays the firmware of a real machine, beside a stock QEMU.
//!
//! QEMU's zPCI is gentle: handles do not change, no operation is busy or refused, and most events
//! never come. This plugin sees each instruction by which the guest speaks to firmware before QEMU
//! executes it. It lets QEMU execute the instruction, changes the result, or answers in place of
//! QEMU.

#![deny(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod answers;
mod bell;
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

// Tests cannot be linked with calls of QEMU.
#[cfg(not(test))]
#[allow(unsafe_code)]
mod api;
