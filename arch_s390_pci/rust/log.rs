// SPDX-License-Identifier: GPL-2.0-only

//! Lines in the log that a guest or a broken function can cause, as often as it likes.
//!
//! Each function has a limit of its own, so that a storm of one hides nothing of another.

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

/// Logs an error of a function.
// Out of line, as is the next one: formatting takes more room than a call.
#[inline(never)]
pub(super) fn error(zdev: &Device, pdev: &pci::Device, line: Arguments<'_>) {
    if zdev.may_log() {
        pr_err!("{}: {}", zpci::name(pdev), line);
    }
}

/// Logs a step of a recovery.
#[inline(never)]
pub(super) fn info(zdev: &Device, pdev: &pci::Device, line: Arguments<'_>) {
    if zdev.may_log() {
        pr_info!("{}: {}", zpci::name(pdev), line);
    }
}

/// Logs an error event of a device.
pub(super) fn event(zdev: &Device, pdev: &pci::Device, event: &Ccdf) {
    event_of(zdev.may_log(), zpci::name(pdev), event);
}

/// Logs an error event that is left to the owner.
pub(super) fn left_to_owner(zdev: &Device, pdev: &pci::Device, ccdf: &Ccdf) {
    event(zdev, pdev, ccdf);
    info(
        zdev,
        pdev,
        fmt!("Leaving recovery of pass-through device to user-space\n"),
    );
}

/// Logs an error event, if the limit allows it. Without a PCI device the name is `n/a`.
#[inline(never)]
pub(super) fn event_of(may_log: bool, name: &str, event: &Ccdf) {
    if may_log {
        pr_err!(
            "{name}: Event {:#x} reports an error for PCI function {:#x}\n",
            event.pec().as_raw(),
            event.fid().as_raw()
        );
    }
}
