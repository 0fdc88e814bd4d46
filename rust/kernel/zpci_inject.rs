// SPDX-License-Identifier: GPL-2.0-only

//! Entry points of zPCI events, for a module that makes events up.
//!
//! The channel report thread hands an event of the platform to these functions, and an injector
//! one of a tester's. They are the same whether events are handled in C or in Rust.
//!
//! C header: [`arch/s390/include/asm/pci.h`](srctree/arch/s390/include/asm/pci.h)

use crate::{
    bindings,
    ffi::c_int,
    prelude::*, //
};

/// Length of an event (CCDF), in bytes.
pub const EVENT_SIZE: usize = 32;

/// Hands an error event to the kernel, as if the platform had reported it.
///
/// The caller may sleep. With events handled in C this waits until the event has been handled.
#[inline(never)]
pub fn error(event: &[u8; EVENT_SIZE]) {
    // In C it has an alignment.
    let mut words = Aligned(*event);

    // SAFETY: The pointer is valid for as many bytes as an event has, and for the whole call;
    // the event is copied if it is kept. May sleep, as the caller may.
    unsafe { bindings::zpci_event_error((&raw mut words).cast()) };
}

/// Hands an availability event to the kernel, as if the platform had reported it.
///
/// The caller may sleep. With events handled in C this waits until the event has been handled.
#[inline(never)]
pub fn availability(event: &[u8; EVENT_SIZE]) {
    let mut words = Aligned(*event);

    // SAFETY: As for error events.
    unsafe { bindings::zpci_event_availability((&raw mut words).cast()) };
}

/// Whether the current task may make events up: it administers the whole system.
#[inline(never)]
pub fn is_permitted() -> bool {
    // Where there is but one user, that one may.
    #[cfg(not(CONFIG_MULTIUSER))]
    return true;

    // SAFETY: Always safe to call. CAST: Capabilities are numbered below 64.
    #[cfg(CONFIG_MULTIUSER)]
    unsafe {
        bindings::capable(bindings::CAP_SYS_ADMIN as c_int)
    }
}

/// Whether a message that the writer of a file can cause may be logged now.
#[inline(never)]
pub fn may_log() -> bool {
    // SAFETY: The name ends in a NUL, and lives forever.
    unsafe { bindings::__printk_ratelimit(c"zpci_inject".as_char_ptr()) != 0 }
}

/// An event where the channel subsystem would have put it.
#[repr(C, align(8))]
struct Aligned([u8; EVENT_SIZE]);
