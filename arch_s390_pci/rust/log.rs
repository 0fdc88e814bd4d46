// SPDX-License-Identifier: GPL-2.0-only

//! Log messages that a guest or a broken function can cause without end.
//!
//! Each function has its own limit: with a common one, a storm of one function would hide the
//! messages of all others.

use kernel::{
    fmt::Arguments,
    pci,
    prelude::*,
    zpci::{
        self,
        Ccdf,
        Device, //
    }, //
};

/// Logs an error of a function, if the limit allows it. Without a PCI device the name is `n/a`.
// Not inlined, like the next two: formatting takes more instructions than a call.
#[inline(never)]
pub(super) fn error(zdev: Option<&Device>, pdev: Option<&pci::Device>, line: Arguments<'_>) {
    if zpci::ratelimit(zdev) {
        pr_err!("{}: {}", pdev.map_or("n/a", zpci::name), line);
    }
}

/// Logs a step of a recovery.
#[inline(never)]
pub(super) fn info(zdev: Option<&Device>, pdev: Option<&pci::Device>, line: Arguments<'_>) {
    if zpci::ratelimit(zdev) {
        pr_info!("{}: {}", pdev.map_or("n/a", zpci::name), line);
    }
}

/// Logs an error event.
#[inline(never)]
pub(super) fn event(zdev: Option<&Device>, pdev: Option<&pci::Device>, event: &Ccdf) {
    error(
        zdev,
        pdev,
        fmt!(
            "Event {:#x} reports an error for PCI function {:#x}\n",
            event.pec().as_raw(),
            event.fid().as_raw()
        ),
    );
}

/// Logs an error event from which the owner will recover the function.
pub(super) fn left_to_owner(zdev: Option<&Device>, pdev: Option<&pci::Device>, ccdf: &Ccdf) {
    event(zdev, pdev, ccdf);
    info(
        zdev,
        pdev,
        fmt!("Leaving recovery of pass-through device to user-space\n"),
    );
}
