// SPDX-License-Identifier: GPL-2.0-only

//! zPCI events: errors, and changes of availability.
//!
//! The channel report thread serves the whole machine, so it only submits an event to the event's
//! function, and never waits. A work item of the function processes the event, and only tries locks
//! that user space can keep held.
//!
//! C version: [`arch/s390/pci/pci_event.c`](srctree/arch/s390/pci/pci_event.c)

use kernel::{
    bindings,
    error::from_result,
    prelude::*,
    zpci::{
        self,
        debug,
        Ccdf,
        Device,
        Event, //
    }, //
};

#[forbid(unsafe_code)]
mod availability;
#[forbid(unsafe_code)]
mod error;
#[forbid(unsafe_code)]
mod log;
#[forbid(unsafe_code)]
mod process;
#[forbid(unsafe_code)]
mod recovery;

const __LOG_PREFIX: &[u8] = b"zpci\0";

/// Submits an event to its function, and logs if the function's queue drops the event.
// Not inlined: there are several callers, and the log message takes room.
#[inline(never)]
fn submit(zdev: &Device, event: Event) {
    if zdev.submit(event).is_err() && zpci::ratelimit(None) {
        pr_err!("PCI function {:#x}: event dropped\n", zdev.fid().as_raw());
    }
}

/// Makes the topology lock and the queue for events of unknown functions. Returns 0 or an error
/// code.
///
/// # Safety
///
/// The caller must call this function only once, during boot.
#[export]
unsafe extern "C" fn zpci_recovery_init() -> c_int {
    from_result(|| availability::init().map(|()| 0))
}

/// Hands an error event from the channel report thread to the event's function. `data` is the CCDF.
///
/// # Safety
///
/// `data` must be valid for reading 32 bytes.
#[export]
unsafe extern "C" fn zpci_event_error(data: *mut c_void) {
    if !zpci::is_enabled() {
        return;
    }
    // SAFETY: By the caller's promise 32 bytes can be read. An array of bytes has no alignment.
    let event = Ccdf::new(unsafe { *data.cast() });

    debug::error(&event);
    match Device::by_fid(event.fid()) {
        Some(zdev) => submit(&zdev, Event::Error(event)),
        None => log::event(None, None, &event),
    }
}

/// Queues an availability event of the channel report thread. `data` is the CCDF.
///
/// # Safety
///
/// `data` must be valid for reading 32 bytes.
#[export]
unsafe extern "C" fn zpci_event_availability(data: *mut c_void) {
    if !zpci::is_enabled() {
        return;
    }
    // SAFETY: By the caller's promise 32 bytes can be read. An array of bytes has no alignment.
    availability::dispatch(Ccdf::new(unsafe { *data.cast() }));
}

/// Whether an error event of the function's present generation is queued. A new generation begins
/// when the function is reset or opened.
///
/// # Safety
///
/// `pdev` must be valid.
#[export]
unsafe extern "C" fn zpci_recovery_in_error(pdev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the caller's promise `pdev` is valid. `pci::Device` is a transparent wrapper.
    let zdev = Device::of(unsafe { &*pdev.cast() });

    zdev.recovery().has_error(zdev.generation())
}

/// Resets a function through the platform, for the PCI core. Returns 0 or an error code.
///
/// # Safety
///
/// `zdev` must be valid, and the caller must hold the device lock of the function's PCI device.
#[export]
unsafe extern "C" fn zpci_recovery_reset_slot(zdev: *mut bindings::zpci_dev) -> c_int {
    // SAFETY: By the caller's promise.
    let zdev = unsafe { Device::from_raw(zdev) };

    // SAFETY: By the caller's promise.
    from_result(|| unsafe { zdev.reset_slot() }.map(|()| 0))
}

/// Writes the recovery state of all functions into the debugfs file `m`.
///
/// # Safety
///
/// `m` must be valid, and must be the file that a reader is just reading.
#[export]
unsafe extern "C" fn zpci_recovery_show(m: *mut bindings::seq_file, _unused: *mut c_void) -> c_int {
    // SAFETY: By the caller's promise.
    unsafe { zpci::show(m) };
    0
}

/// Makes the `Recovery` of a function. Returns 0 or an error code.
///
/// # Safety
///
/// `zdev` must be valid, and nobody else may have a pointer to the function.
#[export]
unsafe extern "C" fn zpci_recovery_new(zdev: *mut bindings::zpci_dev) -> c_int {
    // SAFETY: By the caller's promise.
    from_result(|| unsafe { Device::create_recovery(zdev, process::process) }.map(|()| 0))
}

/// Frees the `Recovery` of a function that is going away.
///
/// # Safety
///
/// `zdev` must be valid, and nobody may have a reference to the function anymore.
#[export]
unsafe extern "C" fn zpci_recovery_release(zdev: *mut bindings::zpci_dev) {
    // SAFETY: By the caller's promise.
    unsafe { Device::release_recovery(zdev) };
}
