// SPDX-License-Identifier: GPL-2.0-only

//! zPCI events: errors, and changes of availability.
//!
//! The channel report thread, which serves the whole machine, brings an event here. It only finds
//! the function and submits the event to it; everything that may wait happens in a work item of
//! that function.
//!
//! C version of this: [`arch/s390/pci/pci_event.c`](srctree/arch/s390/pci/pci_event.c)

use kernel::{
    bindings,
    prelude::*,
    seq_file::SeqFile,
    sync::ArcBorrow,
    zpci::{
        self,
        debug,
        Age,
        AvailabilityEvent,
        Device,
        ErrorEvent,
        Event,
        Function, //
    }, //
};

mod availability;
mod error;
mod recovery;

const __LOG_PREFIX: &[u8] = b"zpci\0";

/// Logs a line that a guest or a broken function can cause, within the limit for all of these.
macro_rules! limited {
    ($print:ident, $($arg:tt)*) => {
        if kernel::zpci::may_log() {
            $print!($($arg)*);
        }
    };
}
use limited;

/// Submits an event to its function.
fn submit(zdev: &Device, event: Event) {
    let submitted = zdev
        .recovery_or_new()
        .and_then(|function| function.submit(zdev, event, handle));

    if submitted.is_err() {
        limited!(
            pr_err,
            "An event of PCI function {:#x} is lost\n",
            zdev.fid().as_raw()
        );
    }
}

/// Handles an event, in its turn among those of its function.
fn handle(zdev: &Device, function: ArcBorrow<'_, Function>, event: Event, age: Age) {
    match event {
        Event::Error(error) => error::handle(zdev, function, &error, age),
        Event::Availability(availability) => availability::handle(zdev, &availability),
        Event::Abandoned => recovery::abandoned(zdev, function),
    }
}

/// Takes an error event from the channel report thread.
///
/// # Safety
///
/// `data` must be valid for reading 32 bytes.
#[export]
unsafe extern "C" fn zpci_event_error(data: *mut c_void) {
    const RECEIVED: debug::Format = debug::Format::new(c"err fid:%x, fh:%x, pec:%x\n");

    if !zpci::is_enabled() {
        return;
    }
    // SAFETY: By the caller's promise. An array of bytes has no alignment.
    let event = ErrorEvent::new(unsafe { *data.cast() });

    debug::message(
        3,
        &RECEIVED,
        [
            event.fid().as_raw(),
            event.fh().as_raw(),
            event.pec().as_raw().into(),
        ],
    );
    debug::error_event(&event);
    match Device::by_fid(event.fid()) {
        Some(zdev) => submit(&zdev, Event::Error(event)),
        None => error::log_event(None, &event),
    }
}

/// Takes an availability event from the channel report thread.
///
/// # Safety
///
/// `data` must be valid for reading 32 bytes.
#[export]
unsafe extern "C" fn zpci_event_availability(data: *mut c_void) {
    if !zpci::is_enabled() {
        return;
    }
    // SAFETY: By the caller's promise. An array of bytes has no alignment.
    availability::dispatch(AvailabilityEvent::new(unsafe { *data.cast() }));
}

/// Takes over a function that its owner has left in error.
///
/// # Safety
///
/// `zdev` must be valid, with a reference held by the caller.
#[export]
unsafe extern "C" fn zpci_recovery_abandoned(zdev: *mut bindings::zpci_dev) {
    // SAFETY: By the caller's promise.
    submit(unsafe { Device::from_raw(zdev) }, Event::Abandoned);
}

/// Notes that a function has been reset, by whatever means.
///
/// # Safety
///
/// `zdev` must be valid, with a reference held by the caller.
#[export]
unsafe extern "C" fn zpci_recovery_was_reset(zdev: *mut bindings::zpci_dev) {
    // SAFETY: By the caller's promise.
    let zdev = unsafe { Device::from_raw(zdev) };

    if let Some(function) = zdev.recovery() {
        function.note_reset();
    }
}

/// Writes the state of all functions into debugfs.
///
/// # Safety
///
/// `m` must be a file that is being read.
#[export]
unsafe extern "C" fn zpci_recovery_show(m: *mut bindings::seq_file, _unused: *mut c_void) -> c_int {
    // SAFETY: By the caller's promise.
    zpci::show(unsafe { SeqFile::from_raw(m) });
    0
}

/// Frees what is kept for recovery with a function that is going away.
///
/// # Safety
///
/// `zdev` must be valid, and nobody may have a reference to it anymore.
#[export]
unsafe extern "C" fn zpci_recovery_release(zdev: *mut bindings::zpci_dev) {
    // SAFETY: By the caller's promise.
    unsafe { Device::release(zdev) };
}
