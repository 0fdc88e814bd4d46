// SPDX-License-Identifier: GPL-2.0-only

//! zPCI: PCI functions of IBM Z, their state, their errors and the recovery from them.
//!
//! On s390 the platform finds PCI errors and reports them to the kernel, as events of 32 bytes
//! ([`Ccdf`]). The kernel's channel report thread fetches an event from the platform, and
//! [submits](Device::submit) the event to the function's queue ([`Device`]). The kernel processes
//! the events of a function one after the other. The [`Recovery`] of a function has the function's
//! queued events and the session of its owner: the program that has opened the function through
//! vfio. Guards stand for the locks of a function ([`StateGuard`], [`DeviceGuard`]).
//!
//! An owner **listens** if it has registered the error eventfd or has asked for events. Otherwise
//! the host, which is this kernel, recovers the function.
//!
//! Each reset and each new owner begins a new **generation** of the function. An error event that
//! was submitted in an earlier generation is **ignored**. If the function has an owner, other error
//! events are **captured**: kept in the session, where an event is **unread** until the owner takes
//! it. A captured event is **stale** if it came before the owner's last successful reset began.
//!
//! # Lock order
//!
//! The locks of a function, from outer to inner. The compiler checks the order of the first two:
//!
//! 1. `state_lock` of the `zpci_dev`. Its guard is [`StateGuard`].
//! 2. The device lock, `pci_dev_lock()` of the function's PCI device. [`Device::try_lock`] takes
//!    the device lock with `state_lock` held, and returns a [`DeviceGuard`] for both.
//!    [`Device::try_lock`] does not wait for the device lock, because its holder may wait for user
//!    space.
//! 3. The spinlocks inside of [`Recovery`]: the session lock, and those of the queues. A holder of
//!    one of these spinlocks neither sleeps nor takes another lock.
//!
//! # Examples
//!
//! Process an error event. If another thread holds `state_lock` or the device lock, return
//! [`None`]: the event stays queued, and is tried again later. Ignore an event from before the last
//! reset. Hold both locks until the recovery has begun.
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

/// Turns the return value of a C function into a [`Result`].
// Not inlined: `to_result` can print a message about an invalid error number, and the compiler
// would copy the code for the message to each caller.
#[inline(never)]
fn checked(err: c_int) -> Result {
    to_result(err)
}

/// Whether the machine has zPCI, and the kernel uses zPCI.
pub fn is_enabled() -> bool {
    // SAFETY: Always safe to call.
    unsafe { bindings::zpci_is_enabled() }
}

/// Waits, for at most one second, until the channel report thread has submitted all events that the
/// platform has reported so far.
///
/// # Errors
///
/// [`EINTR`] if the current task is being killed.
pub fn wait_for_channel_reports() -> Result {
    // SAFETY: Always safe to call in process context. The callee returns after at most a second,
    // even if the channel report thread waits for a lock that the caller holds.
    checked(unsafe { bindings::crw_wait_for_channel_report_timeout(msecs_to_jiffies(1000)) })
        .map_err(|_| EINTR)
}

/// Whether the current task is being killed. Such a task must stop waiting.
pub fn fatal_signal_pending() -> bool {
    // SAFETY: The current task is valid while its own code runs.
    unsafe { bindings::fatal_signal_pending(bindings::get_current()) }
}

/// Counts a message about a function, and returns whether the message may be logged now. Messages
/// about functions that the kernel does not know ([`None`]) have a count of their own.
///
/// A guest or a broken function can cause messages without end. Each function has its own limit:
/// with one limit for all functions, the messages of one function would hide those of all others.
pub fn ratelimit(zdev: Option<&Device>) -> bool {
    let zdev = zdev.map_or(core::ptr::null_mut(), Device::as_raw);

    // SAFETY: The pointer is null, which the callee allows, or points to a function that is valid
    // by the type invariant of [`Device`].
    unsafe { bindings::zpci_ratelimit(zdev) }
}
