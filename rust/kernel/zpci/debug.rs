// SPDX-License-Identifier: GPL-2.0-only

//! Entries in the zPCI logs of the s390 debug feature. Their texts are those of the C version.
//!
//! C header: [`arch/s390/include/asm/pci_debug.h`](srctree/arch/s390/include/asm/pci_debug.h)

use super::{
    Ccdf,
    Device, //
};
use crate::{
    bindings,
    prelude::*, //
};

/// Writes an entry into the zPCI log of messages.
///
/// The log keeps only the address of the format and three numbers, and formats an entry when
/// somebody reads the log. So the format must live forever, and must not have a `%s`: the string
/// could be freed before the log is read.
fn message(level: c_int, format: &'static CStr, numbers: [u32; 3]) {
    let [a, b, c] = numbers;

    // SAFETY: The format lives forever, and each format in this file names at most three numbers.
    unsafe { bindings::zpci_dbg_message(level, format.as_char_ptr().cast_mut(), a, b, c) };
}

fn event(format: &'static CStr, event: &Ccdf) {
    let numbers = [
        event.fid().as_raw(),
        event.fh().as_raw(),
        event.pec().as_raw().into(),
    ];

    message(3, format, numbers);
}

/// Logs an error event that the platform has reported, and the bytes of the event.
pub fn error(ccdf: &Ccdf) {
    event(c"err fid:%x, fh:%x, pec:%x\n", ccdf);
    // SAFETY: The pointer is valid for reading [`Ccdf::SIZE`] bytes, and the callee copies them.
    // CAST: A CCDF has 32 bytes.
    unsafe {
        bindings::zpci_err_ccdf(ccdf.bytes().as_ptr().cast_mut().cast(), Ccdf::SIZE as c_int)
    };
}

/// Logs an availability event that the platform has reported.
pub fn availability(ccdf: &Ccdf) {
    event(c"avl fid:%x, fh:%x, pec:%x\n", ccdf);
}

/// Logs that an event is ignored because the function's handle has changed since the event.
pub fn old_handle(event: &Ccdf, now: u32) {
    let numbers = [event.fid().as_raw(), now, event.fh().as_raw()];

    message(3, c"err fid:%x, fh:%x (stale %x)\n", numbers);
}

/// Logs that a reserved function belongs to this system again.
pub(super) fn reappeared(zdev: &Device) {
    let numbers = [zdev.fid().as_raw(), zdev.fh().as_raw(), 0];

    message(1, c"rea fid:%x, fh:%x\n", numbers);
}
