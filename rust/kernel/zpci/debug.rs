// SPDX-License-Identifier: GPL-2.0-only

//! Entries in the zPCI logs of the s390 debug feature.
//!
//! C header: [`arch/s390/include/asm/pci_debug.h`](srctree/arch/s390/include/asm/pci_debug.h)

use super::ErrorEvent;
use crate::{
    ffi::{
        c_int,
        c_ulong, //
    },
    prelude::*, //
};

/// A format string whose entry consists of numbers only.
///
/// The debug feature keeps the address of the string and up to [`Format::ARGUMENTS`] numbers, and
/// puts them together when the log is read. So the string must live forever, and a `%s` would be
/// followed long after what it points to is gone.
///
/// # Invariants
///
/// The string ends in a NUL, and each conversion in it prints a number (`%d`, `%u` or `%x`).
pub struct Format(&'static CStr);

impl Format {
    /// How many numbers an entry has.
    pub const ARGUMENTS: usize = 3;

    /// Checks a format string; in a constant, while compiling.
    ///
    /// # Panics
    ///
    /// If a conversion does not print a number, or if there are more than there are numbers.
    pub const fn new(format: &'static CStr) -> Self {
        let bytes = format.to_bytes();
        let mut conversions = 0;
        let mut at = 0;

        while at < bytes.len() {
            if bytes[at] == b'%' {
                at += 1;
                conversions += 1;
                assert!(at < bytes.len() && matches!(bytes[at], b'd' | b'u' | b'x'));
            }
            at += 1;
        }
        assert!(conversions <= Self::ARGUMENTS);
        // INVARIANT: Just checked.
        Self(format)
    }
}

/// Writes an entry into the log of messages, if its level is wanted.
pub fn message(level: c_int, format: &'static Format, arguments: [u32; Format::ARGUMENTS]) {
    // SAFETY: The log is registered during early initialization, before there is any function,
    // and stays; before that, and if registration failed, the pointer is null.
    let log = unsafe { crate::bindings::pci_debug_msg_id };

    // SAFETY: The log is valid, see above; its level may change meanwhile, which is as with C.
    if log.is_null() || level > unsafe { (*log).level } {
        return;
    }
    // SAFETY: The log is valid, see above. By its type invariant the format string needs no more
    // than the three numbers it gets, and it lives forever.
    unsafe {
        crate::bindings::__debug_sprintf_event(
            log,
            level,
            format.0.as_char_ptr().cast_mut(),
            // CAST: Widening only: an entry consists of longs.
            arguments[0] as c_ulong,
            arguments[1] as c_ulong,
            arguments[2] as c_ulong,
        )
    };
}

/// Writes the bytes of an error event into the log of errors.
pub fn error_event(event: &ErrorEvent) {
    // SAFETY: The text ends in a NUL, and is copied.
    unsafe { crate::bindings::zpci_err_text(c"error CCDF:\n".as_char_ptr()) };
    // SAFETY: The pointer is valid for reading as many bytes as said; they are copied.
    unsafe {
        crate::bindings::zpci_err_hex(
            event.bytes().as_ptr().cast_mut().cast(),
            // CAST: 32 fits.
            ErrorEvent::SIZE as c_int,
        )
    };
}
