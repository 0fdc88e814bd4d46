// SPDX-License-Identifier: GPL-2.0-only

//! Log messages that a guest or a broken function can cause without end.
//!
//! Each function has its own limit of messages: with one limit for all functions, a storm of
//! messages about one function would hide those about all others.

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

/// Logs a line about a function, if the function's limit of messages allows it. The line is an
/// error message if `has_failed`, and otherwise an informational message. The line names the PCI
/// device, or `n/a` without one.
// Not inlined, like `event`: the code that formats a line is larger than a call.
#[inline(never)]
fn line(zdev: Option<&Device>, pdev: Option<&pci::Device>, has_failed: bool, line: Arguments<'_>) {
    if !zpci::ratelimit(zdev) {
        return;
    }
    let name = pdev.map_or("n/a", zpci::name);

    if has_failed {
        pr_err!("{name}: {line}");
    } else {
        pr_info!("{name}: {line}");
    }
}

/// Logs an error of a function.
pub(super) fn error(zdev: Option<&Device>, pdev: Option<&pci::Device>, text: Arguments<'_>) {
    line(zdev, pdev, true, text);
}

/// Logs a step of a recovery.
pub(super) fn info(zdev: Option<&Device>, pdev: Option<&pci::Device>, text: Arguments<'_>) {
    line(zdev, pdev, false, text);
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

/// Logs an error event, and that the recovery is left to the owner.
pub(super) fn left_to_owner(zdev: Option<&Device>, pdev: Option<&pci::Device>, ccdf: &Ccdf) {
    event(zdev, pdev, ccdf);
    info(
        zdev,
        pdev,
        fmt!("Leaving recovery of pass-through device to user-space\n"),
    );
}
