// SPDX-License-Identifier: GPL-2.0-only

//! zPCI events: errors, and changes of availability.
//!
//! The channel report thread, which serves the whole machine, brings an event here. It only finds
//! the function and submits the event to it, and waits for nothing. All else happens in a work
//! item of that function, which waits for no lock that user space may hold up either.
//!
//! C version of this: [`arch/s390/pci/pci_event.c`](srctree/arch/s390/pci/pci_event.c)

use kernel::{
    bindings,
    error::from_result,
    prelude::*,
    seq_file::SeqFile,
    sync::aref::ARef,
    zpci::{
        self,
        debug,
        AvailabilityEvent,
        Device,
        ErrorEvent,
        Event,
        Progress, //
    }, //
};

#[forbid(unsafe_code)]
mod availability;
#[forbid(unsafe_code)]
mod error;
#[forbid(unsafe_code)]
mod recovery;

const __LOG_PREFIX: &[u8] = b"zpci\0";

/// Logs a line that a guest or a broken function can cause, within the limit of the function.
macro_rules! limited {
    ($zdev:expr, $print:ident, $($arg:tt)*) => {
        if $zdev.may_log() {
            $print!($($arg)*);
        }
    };
}
use limited;

/// Submits an event to its function.
fn submit(zdev: ARef<Device>, event: Event) {
    // Logging comes after the last use of the reference, which the event takes with it.
    let fid = zdev.fid();

    if Device::submit(zdev, event).is_err() && zpci::may_log() {
        pr_err!("An event of PCI function {:#x} is lost\n", fid.as_raw());
    }
}

/// Processes an event, in its turn among those of its function.
fn process(zdev: &Device, event: &Event, generation: u32) -> Progress {
    match event {
        Event::Error(error) => error::process(zdev, error, generation),
        Event::Availability(availability) => availability::process(zdev, availability),
        Event::Abandoned => recovery::abandoned(zdev),
    }
}

/// Makes what availability events need. Returns 0 or an error code.
///
/// # Safety
///
/// To be called once, during boot.
#[export]
unsafe extern "C" fn zpci_recovery_init() -> c_int {
    from_result(|| availability::init().map(|()| 0))
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
        Some(zdev) => submit(zdev, Event::Error(event)),
        None => error::log_unknown(&event),
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
    submit(unsafe { Device::from_raw(zdev) }.into(), Event::Abandoned);
}

/// Whether an error of a function has been reported and is not processed yet.
///
/// # Safety
///
/// `pdev` must be valid.
#[export]
unsafe extern "C" fn zpci_recovery_in_error(pdev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the caller's promise; the type is a transparent wrapper.
    let zdev = Device::of(unsafe { &*pdev.cast() });

    zdev.and_then(|zdev| zdev.recovery().ok())
        .is_some_and(|recovery| recovery.unprocessed() != 0)
}

/// Resets a function for the PCI core. Returns 0 or an error code.
///
/// # Safety
///
/// `zdev` must be valid, and the caller must hold the lock of its PCI device.
#[export]
unsafe extern "C" fn zpci_recovery_reset_slot(zdev: *mut bindings::zpci_dev) -> c_int {
    // SAFETY: By the caller's promise.
    let zdev = unsafe { Device::from_raw(zdev) };

    // SAFETY: By the caller's promise.
    from_result(|| unsafe { zdev.reset_slot() }.map(|()| 0))
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

/// Makes what is kept for recovery of a function. Returns 0 or an error code.
///
/// # Safety
///
/// `zdev` must be valid, and nobody may know it yet.
#[export]
unsafe extern "C" fn zpci_recovery_new(zdev: *mut bindings::zpci_dev) -> c_int {
    // SAFETY: By the caller's promise.
    from_result(|| unsafe { Device::prepare(zdev, process) }.map(|()| 0))
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
