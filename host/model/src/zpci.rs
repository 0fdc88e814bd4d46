// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `rust/kernel/zpci.rs`: declares the kernel's own files, and the stand-ins for code
//! that those files call.

#[expect(dead_code, reason = "not all of an event has a model")]
#[path = "../../../rust/kernel/zpci/ccdf.rs"]
mod ccdf;
#[path = "../../../rust/kernel/zpci/event.rs"]
mod event;
#[path = "../../../rust/kernel/zpci/lock.rs"]
mod lock;
#[expect(dead_code, reason = "nobody looks on from outside")]
#[path = "../../../rust/kernel/zpci/queue.rs"]
mod queue;
#[path = "../../../rust/kernel/zpci/record.rs"]
mod record;
#[expect(dead_code, reason = "as above, and nobody maps a page")]
#[path = "../../../rust/kernel/zpci/recovery.rs"]
mod recovery;
#[path = "../../../rust/kernel/zpci/report.rs"]
mod report;
#[path = "../../../rust/kernel/zpci/reset.rs"]
mod reset;
#[expect(dead_code, reason = "as above")]
#[path = "../../../rust/kernel/zpci/session.rs"]
mod session;

pub(crate) mod debug;
mod device;
mod driver;
mod pci;
pub(crate) mod platform;
mod status;
pub(crate) mod trace;

pub(crate) use self::{
    ccdf::{
        Availability,
        Ccdf,
        FunctionHandle,
        FunctionId,
        Severity, //
    },
    device::{
        mark_as_working,
        reset_closed,
        reset_function,
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
    platform::wait_for_channel_reports,
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
    session::RecoveredBy, //
};
use crate::prelude::to_result as checked;
use std::cell::Cell;

thread_local! {
    static KILLED: Cell<bool> = const { Cell::new(false) };
}

/// Says whether all threads are being killed.
pub(crate) fn set_killed(killed: bool) {
    KILLED.set(killed);
}

pub(crate) fn fatal_signal_pending() -> bool {
    KILLED.get()
}

pub(crate) fn ratelimit(_zdev: Option<&Device>) -> bool {
    true
}
