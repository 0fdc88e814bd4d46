// SPDX-License-Identifier: GPL-2.0-only

//! Tracepoints: the steps of an event on its way to the owner, and the begin and end of a reset.
//!
//! C header: [`arch/s390/pci/pci_trace.h`](srctree/arch/s390/pci/pci_trace.h)

#![allow(
    clippy::macro_metavars_in_unsafe,
    reason = "what declare_trace! makes is unsafe to call itself"
)]

use super::{
    session::{
        Captured,
        RecoveredBy,
        Taken, //
    },
    Ccdf,
    FunctionId, //
};
use crate::{
    prelude::*,
    tracepoint::declare_trace, //
};

declare_trace! {
    /// # Safety
    ///
    /// Always safe to call.
    unsafe fn zpci_error_captured(fid: u32, pec: u16, sequence: u64, recovery: u8);

    /// # Safety
    ///
    /// Always safe to call.
    unsafe fn zpci_error_dropped(fid: u32, dropped: u32);

    /// # Safety
    ///
    /// Always safe to call.
    unsafe fn zpci_error_taken(fid: u32, pec: u16, sequence: u64, recovery: u8);

    /// # Safety
    ///
    /// Always safe to call.
    unsafe fn zpci_error_signalled(fid: u32);

    /// # Safety
    ///
    /// Always safe to call.
    unsafe fn zpci_reset_begin(fid: u32);

    /// # Safety
    ///
    /// Always safe to call.
    unsafe fn zpci_reset_end(fid: u32, result: c_int);
}

/// Traces the capture of an event: whether the event is kept for the owner, and whether the event
/// or an older one is dropped.
pub(super) fn captured(event: &Ccdf, recovered_by: RecoveredBy, captured: &Captured) {
    let (fid, pec) = (event.fid().as_raw(), event.pec().as_raw());

    if captured.kept {
        // SAFETY: Always safe to call. CAST: The tracepoint has a name for each number of
        // [`RecoveredBy`].
        unsafe { zpci_error_captured(fid, pec, captured.sequence, recovered_by as u8) };
    }
    if let Some(dropped) = captured.dropped {
        self::dropped(event.fid(), dropped);
    }
}

/// Traces that an event is dropped. `dropped` counts all dropped events of the session.
pub(super) fn dropped(id: FunctionId, dropped: u32) {
    // SAFETY: Always safe to call.
    unsafe { zpci_error_dropped(id.as_raw(), dropped) };
}

/// Traces that a reader has taken an event.
pub(super) fn taken(taken: &Taken) {
    let pending = &taken.pending;
    let (fid, pec) = (pending.event.fid().as_raw(), pending.event.pec().as_raw());

    // SAFETY: Always safe to call. CAST: The tracepoint has a name for each number of
    // [`RecoveredBy`].
    unsafe { zpci_error_taken(fid, pec, pending.sequence, pending.recovered_by as u8) };
}

/// Traces that the kernel has signalled an owner that listens, by the error eventfd if one is
/// registered.
pub fn signalled(id: FunctionId) {
    // SAFETY: Always safe to call.
    unsafe { zpci_error_signalled(id.as_raw()) };
}

/// Traces that a reset of a function begins.
pub(super) fn reset_begin(id: FunctionId) {
    // SAFETY: Always safe to call.
    unsafe { zpci_reset_begin(id.as_raw()) };
}

/// Traces that a reset of a function has ended, and its result.
pub(super) fn reset_end(id: FunctionId, result: Result) {
    let result = result.map_or_else(|error| error.to_errno(), |()| 0);

    // SAFETY: Always safe to call.
    unsafe { zpci_reset_end(id.as_raw(), result) };
}
