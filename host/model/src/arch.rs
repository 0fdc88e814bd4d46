// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `arch_s390_pci/rust/pci_event.rs`: what the platform reports comes here, and what C
//! asks for.

use kernel::{
    prelude::*,
    sync::aref::ARef,
    zpci::{
        self,
        AvailabilityEvent,
        Device,
        ErrorEvent,
        Event,
        Progress, //
    }, //
};

#[path = "../../../arch_s390_pci/rust/availability.rs"]
mod availability;
#[expect(dead_code, reason = "the function is known")]
#[path = "../../../arch_s390_pci/rust/error.rs"]
mod error;
#[path = "../../../arch_s390_pci/rust/recovery.rs"]
mod recovery;

macro_rules! limited {
    ($zdev:expr, $print:ident, $($arg:tt)*) => {
        if $zdev.may_log() {
            $print!($($arg)*);
        }
    };
}
use limited;

fn submit(zdev: ARef<Device>, event: Event) {
    if Device::submit(zdev, event).is_err() && zpci::may_log() {
        log("An event is lost".into());
    }
}

pub(crate) fn process(zdev: &Device, event: &Event, generation: u32) -> Progress {
    match event {
        Event::Error(error) => error::process(zdev, error, generation),
        Event::Availability(availability) => availability::process(zdev, availability),
        Event::Abandoned => recovery::abandoned(zdev),
    }
}

pub(crate) fn init() {
    availability::init().unwrap();
}

pub(crate) fn error_event(zdev: &Device, event: ErrorEvent) {
    submit(zdev.into(), Event::Error(event));
}

pub(crate) fn availability_event(event: AvailabilityEvent) {
    availability::dispatch(event);
}

pub(crate) fn abandoned(zdev: &Device) {
    submit(zdev.into(), Event::Abandoned);
}

/// Resets a function for the PCI core, which holds the lock of its device.
pub(crate) fn reset_slot(zdev: &Device) -> Result {
    // SAFETY: The caller holds the lock.
    unsafe { zdev.reset_slot() }
}
