// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `arch_s390_pci/rust/pci_event.rs`: the entries for events from the platform, and for
//! calls from C.

use kernel::{
    prelude::*,
    zpci::{
        self,
        Ccdf,
        Device,
        Event,
        Handler, //
    }, //
};

#[path = "../../../arch_s390_pci/rust/availability.rs"]
mod availability;
#[path = "../../../arch_s390_pci/rust/error.rs"]
mod error;
#[path = "../../../arch_s390_pci/rust/log.rs"]
mod log;
#[path = "../../../arch_s390_pci/rust/process.rs"]
mod process;
#[path = "../../../arch_s390_pci/rust/recovery.rs"]
mod recovery;

fn submit(zdev: &Device, event: Event) {
    if zdev.submit(event).is_err() && zpci::ratelimit(None) {
        crate::prelude::log("An event is dropped".into());
    }
}

pub(crate) const HANDLER: Handler = process::process;

pub(crate) fn init() {
    availability::init().unwrap();
}

pub(crate) fn error_event(zdev: &Device, event: Ccdf) {
    submit(zdev, Event::Error(event));
}

pub(crate) fn availability_event(event: Ccdf) {
    availability::dispatch(event);
}

/// Whether the PCI core need not wait for the function.
pub(crate) fn in_error(zdev: &Device) -> bool {
    zdev.recovery().has_error(zdev.generation())
}

/// Resets a function for the PCI core, which holds the lock of its device.
pub(crate) fn reset_slot(zdev: &Device) -> Result {
    // SAFETY: The caller holds the lock of the device.
    unsafe { zdev.reset_slot() }
}
