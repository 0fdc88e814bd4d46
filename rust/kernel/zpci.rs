// SPDX-License-Identifier: GPL-2.0-only

//! zPCI: PCI functions of IBM Z, their state, their errors and the recovery from them.
//!
//! On s390 it is the platform that finds PCI errors and reports them to the kernel, as events of
//! 32 bytes (CCDF). This module has what the code that handles these events is made of: the
//! events themselves ([`ErrorEvent`], [`AvailabilityEvent`]), the functions ([`Device`]), what is
//! kept of a function for its recovery ([`Recovery`]), and the guards that stand for the locks
//! of a function ([`StateGuard`], [`DeviceGuard`]).
//!
//! # Lock order
//!
//! From outer to inner; the first two are checked by the compiler:
//!
//! 1. `zpci_dev.state_lock`: [`StateGuard`].
//! 2. The lock of the `struct device`: [`DeviceGuard`], which only a [`StateGuard`] makes. It is
//!    never waited for, because its holder may wait for user space.
//! 3. The locks inside of [`Recovery`], which nobody sees from outside. Nothing sleeps under
//!    them, and no other lock is taken while one of them is held.
//!
//! C header: [`arch/s390/include/asm/pci.h`](srctree/arch/s390/include/asm/pci.h)

mod ccdf;
pub mod debug;
mod device;
mod driver;
mod event;
mod fib;
mod lock;
mod queue;
mod record;
mod recovery;
mod report;
mod reset;
mod serial;
mod session;
mod show;
mod status;
#[cfg(CONFIG_KUNIT = "y")]
mod tests;
pub mod trace;

pub use self::{
    ccdf::{
        Availability,
        AvailabilityEvent,
        ErrorEvent,
        FunctionHandle,
        FunctionId,
        Pec,
        Severity, //
    },
    device::{
        Device,
        State, //
    },
    driver::{
        ChannelState,
        Driver,
        ErsResult, //
    },
    event::{
        Event,
        Handler, //
    },
    fib::{
        Delivery,
        DirectedIndicators,
        Fib,
        FloatingIndicators, //
    },
    lock::{
        DeviceGuard,
        DeviceLock,
        DeviceLocking,
        StateGuard, //
    },
    queue::RecoveredBy,
    record::Record,
    recovery::{
        Form,
        Recovery, //
    },
    report::Report,
    reset::{
        patiently,
        Reset,
        Restore, //
    },
    serial::{
        Item,
        Progress,
        SerialQueue, //
    },
    show::show, //
};

use crate::{
    bindings,
    error::to_result,
    pci,
    prelude::*, //
};

/// Whether zPCI is there and in use.
pub fn is_enabled() -> bool {
    // SAFETY: Always safe to call.
    unsafe { bindings::zpci_is_enabled() }
}

/// Returns the name of a PCI device, like `0001:00:00.0`.
pub fn name(pdev: &pci::Device) -> &str {
    pdev.as_ref().name().to_str().unwrap_or("?")
}

/// Tells user space of a step of a recovery, by a uevent, unless the device is removed meanwhile.
pub fn uevent(pdev: &pci::Device, result: ErsResult) {
    let pdev = driver::pci_as_raw(pdev);

    // SAFETY: The device is valid.
    if unsafe { bindings::device_is_registered(&raw mut (*pdev).dev) } {
        // SAFETY: As above.
        unsafe { bindings::pci_uevent_ers(pdev, result.into_raw()) };
    }
}

/// Returns how adapter interruptions are delivered on this machine.
pub fn irq_delivery() -> Delivery {
    // SAFETY: Always safe to call.
    if unsafe { bindings::zpci_irq_is_directed() } {
        Delivery::Directed
    } else {
        Delivery::Floating
    }
}

/// Returns the absolute address of the vector of summary bits of floating interruptions.
pub fn irq_summary() -> u64 {
    // SAFETY: Always safe to call.
    unsafe { bindings::zpci_irq_summary() }
}

/// Returns the channel state of a PCI device, which may change unless its lock is held.
pub fn channel_state(pdev: &pci::Device) -> ChannelState {
    // SAFETY: The device is valid; the state is read at once.
    ChannelState::from_raw(unsafe {
        (&raw const (*driver::pci_as_raw(pdev)).error_state).read_volatile()
    })
}

/// Whether config space of a PCI device can be read: a function that is blocked reads as all ones.
///
/// The Command and Status registers are looked at, because virtual functions read as all ones
/// where others have their IDs.
pub fn config_accessible(pdev: &pci::Device) -> bool {
    const COMMAND: crate::ffi::c_int = bindings::PCI_COMMAND as crate::ffi::c_int;
    let mut value = 0;

    // SAFETY: The device is valid, and the pointer is to a local. An error leaves all ones.
    unsafe { bindings::pci_read_config_dword(driver::pci_as_raw(pdev), COMMAND, &raw mut value) };
    value != u32::MAX
}

/// Whether a PCI device is in error: marked so, or blocked by the platform without anybody having
/// been told yet.
pub fn is_in_error(pdev: &pci::Device) -> bool {
    channel_state(pdev) != ChannelState::Normal || !config_accessible(pdev)
}

/// Waits until all events that the platform has reported so far have been submitted, a second at
/// most.
///
/// # Errors
///
/// [`EINTR`] if the caller is being killed.
#[inline(never)]
pub fn settle() -> Result {
    // SAFETY: Always safe to call in process context. No lock is held that the channel report
    // thread takes.
    to_result(unsafe { bindings::zpci_settle() })
}

/// Resets a function that is in order by the means of the PCI core.
///
/// # Errors
///
/// [`EAGAIN`] if the device is locked by somebody else, or those of the PCI core.
pub fn try_reset_function(pdev: &pci::Device) -> Result {
    // SAFETY: The device is valid.
    to_result(unsafe { bindings::pci_try_reset_function(driver::pci_as_raw(pdev)) })
}

/// Whether the current task is being killed, so that nobody waits for what it does.
pub fn is_being_killed() -> bool {
    // SAFETY: The current task is valid.
    unsafe { bindings::fatal_signal_pending(bindings::get_current()) }
}

/// Whether a message may be logged now that is about no function that is known.
pub fn may_log() -> bool {
    // SAFETY: Always safe to call.
    unsafe { bindings::zpci_may_log(core::ptr::null_mut()) }
}
