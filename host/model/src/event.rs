// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `arch_s390_pci/rust/pci_event.rs`: events of a function come here.

use kernel::{
    sync::ArcBorrow,
    zpci::{
        Age,
        Device,
        Event,
        Function, //
    }, //
};

#[path = "../../../arch_s390_pci/rust/error.rs"]
mod error;
#[path = "../../../arch_s390_pci/rust/recovery.rs"]
mod recovery;

macro_rules! limited {
    ($print:ident, $($arg:tt)*) => {
        if kernel::zpci::may_log() {
            $print!($($arg)*);
        }
    };
}
use limited;

/// Submits an event to its function.
pub(crate) fn submit(zdev: &Device, event: Event) {
    let submitted = zdev
        .recovery_or_new()
        .and_then(|function| function.submit(zdev, event, handle));

    if submitted.is_err() {
        kernel::prelude::log("An event is lost".into());
    }
}

fn handle(zdev: &Device, function: ArcBorrow<'_, Function>, event: Event, age: Age) {
    match event {
        Event::Error(error) => error::handle(zdev, function, &error, age),
        Event::Abandoned => recovery::abandoned(zdev, function),
        Event::Availability(_) => unreachable!(),
    }
}
