// SPDX-License-Identifier: GPL-2.0-only

//! The text that debugfs shows: a line for the state of each function, followed by a line for each
//! unread event of that function.

use super::{
    channel_state,
    Device,
    Recovery, //
};
use crate::{
    bindings,
    prelude::*,
    sync::atomic::Relaxed, //
};

/// Writes a line with the names of the columns, and then the state of all functions. May sleep.
///
/// # Safety
///
/// `m` must be a valid `seq_file` that the caller is showing.
pub unsafe fn show(m: *mut bindings::seq_file) {
    const COLUMNS: &CStr = c"function  address       channel            owner     recovery  \
        opened  resets  recovered  unprocessed  ignored  captured  waiting  dropped\n";

    // SAFETY: By the caller's promise `m` is valid. The string ends in a NUL.
    unsafe { bindings::seq_printf(m, COLUMNS.as_char_ptr()) };
    // SAFETY: By the caller's promise `m` is valid.
    Device::for_each(|zdev| unsafe { zdev.show(m) });
}

impl Device {
    /// Writes the state of the function. Takes neither `state_lock` nor the device lock: reading
    /// must work while these locks are held for long, which is the most interesting case, and a
    /// reader must not delay other threads.
    ///
    /// # Safety
    ///
    /// `m` must be a valid `seq_file` that the caller is showing.
    unsafe fn show(&self, m: *mut bindings::seq_file) {
        let (domain, devfn) = self.address();
        let channel = self
            .pdev()
            .map_or(c"none", |pdev| channel_state(&pdev).name());
        let recovery = self.recovery();
        let overview = recovery.overview();
        let (owner, recovered_by) = overview.as_ref().map_or((c"none", c"host"), |overview| {
            (overview.owner(), overview.recovered_by.name())
        });

        // SAFETY: By the caller's promise `m` is valid. The arguments have the types that the
        // format names, and the strings end in a NUL.
        unsafe {
            bindings::seq_printf(
                m,
                c"%08x  %04x:00:%02x.%d  %-17s  %-8s  %-8s  %6u  %6u  %9u  %11lu  %7u"
                    .as_char_ptr(),
                self.fid().as_raw(),
                domain,
                devfn >> 3,
                devfn & 7,
                channel.as_char_ptr(),
                owner.as_char_ptr(),
                recovered_by.as_char_ptr(),
                recovery.opened.load(Relaxed),
                self.resets(),
                recovery.recovered.load(Relaxed),
                recovery.unprocessed(),
                recovery.ignored.load(Relaxed),
            )
        };
        if let Some(overview) = overview {
            // SAFETY: By the caller's promise `m` is valid. The arguments have the types that the
            // format names.
            unsafe {
                bindings::seq_printf(
                    m,
                    c"  %8llu  %7lu  %7u".as_char_ptr(),
                    overview.captured,
                    overview.waiting,
                    overview.dropped,
                )
            };
        }
        // SAFETY: By the caller's promise `m` is valid.
        unsafe { bindings::seq_putc(m, b'\n') };
        // SAFETY: By the caller's promise `m` is valid.
        unsafe { recovery.show_events(m) };
    }
}

impl Recovery {
    /// Writes a line for each unread event of the function.
    ///
    /// # Safety
    ///
    /// `m` must be a valid `seq_file` that the caller is showing.
    unsafe fn show_events(&self, m: *mut bindings::seq_file) {
        let mut nth = 0;

        while let Some(taken) = self.peek(nth) {
            let stale = if taken.stale { c", stale" } else { c"" };

            // SAFETY: By the caller's promise `m` is valid. The arguments have the types that the
            // format names, and the strings end in a NUL.
            unsafe {
                bindings::seq_printf(
                    m,
                    c"  %llu: event 0x%x, recovery by %s%s\n".as_char_ptr(),
                    taken.pending.sequence,
                    u32::from(taken.pending.event.pec().as_raw()),
                    taken.pending.recovered_by.name().as_char_ptr(),
                    stale.as_char_ptr(),
                )
            };
            nth += 1;
        }
    }
}
