// SPDX-License-Identifier: GPL-2.0-only

//! zPCI: PCI functions of IBM Z, their state, their errors and the recovery from them.
//!
//! On s390 the platform finds PCI errors and reports them to the kernel, as events of 32 bytes
//! ([`Ccdf`]). An event is [submitted](Device::submit) to its function ([`Device`]) and processed
//! in its turn. The waiting events and the session of the function's owner are in its [`Recovery`].
//! Guards stand for the locks of the function ([`StateGuard`], [`DeviceGuard`]).
//!
//! # Lock order
//!
//! From outer to inner; the first two are checked by the compiler:
//!
//! 1. `zpci_dev.state_lock`: [`StateGuard`].
//! 2. The lock of the `struct device`: [`DeviceGuard`], which [`Device::try_lock`] makes with the
//!    first one held. It is never waited for, because its holder may wait for user space.
//! 3. The spinlocks inside of [`Recovery`]. Nothing sleeps under them, and no other lock is taken
//!    while one of them is held.
//!
//! # Examples
//!
//! Processing an error event: if a lock is taken the event is tried again later, an event from
//! before the last reset is ignored, and both locks are held until the recovery has begun.
//!
//! ```
//! use kernel::zpci::{ChannelState, Device, Event, Locks};
//!
//! fn process(zdev: Option<&Device>, event: &Event, generation: u32) -> Option<()> {
//!     let (Some(zdev), Event::Error(_)) = (zdev, event) else {
//!         return Some(());
//!     };
//!
//!     match zdev.try_lock()? {
//!         Locks::Both(device) if generation == zdev.generation() => {
//!             device.set_channel_state(ChannelState::Frozen);
//!         }
//!         Locks::Both(_) | Locks::State(_) => (),
//!     }
//!     Some(())
//! }
//! ```
//!
//! C header: [`arch/s390/include/asm/pci.h`](srctree/arch/s390/include/asm/pci.h)

mod airq;
mod ccdf;
pub mod debug;
mod device;
mod driver;
mod event;
mod fib;
#[cfg(CONFIG_VFIO_PCI_ZDEV_RUST)]
mod kvm;
mod lock;
mod pci;
mod queue;
mod record;
mod recovery;
mod report;
mod reset;
mod session;
mod show;
mod status;
#[cfg(CONFIG_KUNIT = "y")]
mod tests;
pub mod trace;

pub use self::{
    ccdf::{
        Availability,
        Ccdf,
        FunctionHandle,
        FunctionId,
        Pec,
        Severity, //
    },
    device::{
        Device,
        State, //
    },
    driver::Driver,
    event::{
        Event,
        EventQueue,
        Handler, //
    },
    lock::{
        DeviceGuard,
        DeviceLock,
        Locks,
        StateGuard, //
    },
    pci::{
        channel_state,
        config_accessible,
        is_in_error,
        name,
        try_reset_function,
        uevent,
        ChannelState,
        ErsResult, //
    },
    record::Record,
    recovery::{
        Form,
        Recovery, //
    },
    report::Report,
    reset::{
        patiently,
        Restore, //
    },
    session::RecoveredBy,
    show::show, //
};

use crate::{
    bindings,
    error::to_result,
    prelude::*,
    time::msecs_to_jiffies, //
};

/// Turns the return value of a C function into a result.
// Not inlined: the conversion contains a message for invalid error numbers, and would be copied to
// each call of a C function.
#[inline(never)]
fn checked(err: c_int) -> Result {
    to_result(err)
}

/// Whether the machine has zPCI, and the kernel uses it.
pub fn is_enabled() -> bool {
    // SAFETY: Always safe to call.
    unsafe { bindings::zpci_is_enabled() }
}

/// Waits until the channel report thread has submitted all events that the platform has reported so
/// far; a second at most.
///
/// # Errors
///
/// [`EINTR`] if the caller is being killed.
pub fn wait_for_channel_reports() -> Result {
    // SAFETY: Always safe to call in process context. The caller holds no lock that the channel
    // report thread takes.
    checked(unsafe { bindings::crw_wait_for_channel_report_timeout(msecs_to_jiffies(1000)) })
        .map_err(|_| EINTR)
}

/// Whether the current task is being killed, and must stop waiting.
pub fn fatal_signal_pending() -> bool {
    // SAFETY: The current task is valid.
    unsafe { bindings::fatal_signal_pending(bindings::get_current()) }
}

/// Counts a message about this function, or about none of the known ones, and returns whether it
/// may be logged now.
///
/// A guest or a broken function can cause messages without end. Each function has its own limit:
/// with a common one, a storm of one function would hide the messages of all others.
pub fn ratelimit(zdev: Option<&Device>) -> bool {
    let zdev = zdev.map_or(core::ptr::null_mut(), Device::as_raw);

    // SAFETY: The pointer is null, or to a function, which is valid by its type invariant.
    unsafe { bindings::zpci_ratelimit(zdev) }
}
