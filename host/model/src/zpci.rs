// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `rust/kernel/zpci.rs`: the kernel's own files, and what they need of a machine.

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
#[path = "../../../rust/kernel/zpci/serial.rs"]
mod serial;
#[expect(dead_code, reason = "as above")]
#[path = "../../../rust/kernel/zpci/session.rs"]
mod session;

pub(crate) mod debug;
mod device;
mod driver;
pub(crate) mod platform;
mod status;
pub(crate) mod trace;

pub(crate) use self::{
    ccdf::{
        Availability,
        AvailabilityEvent,
        ErrorEvent,
        FunctionHandle,
        FunctionId,
        Severity, //
    },
    device::{
        mark_as_working,
        reset_function,
        Device,
        State, //
    },
    driver::{
        ChannelState,
        Driver,
        ErsResult, //
    },
    event::Event,
    lock::{
        DeviceGuard,
        DeviceLock,
        DeviceLocking,
        StateGuard, //
    },
    platform::settle,
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
    }, //
};

use crate::{
    bindings,
    pci,
    prelude::*, //
};

pub(crate) fn name(_pdev: &pci::Device) -> &str {
    "0001:00:00.0"
}

pub(crate) fn uevent(_pdev: &pci::Device, result: ErsResult) {
    crate::sync::may_sleep();
    log(format!("uevent: {result:?}"));
}

pub(crate) fn channel_state(pdev: &pci::Device) -> ChannelState {
    // SAFETY: The device is valid.
    ChannelState::from_raw(unsafe { bindings::error_state(pdev.as_raw()) })
}

pub(crate) fn config_accessible(pdev: &pci::Device) -> bool {
    let mut value = 0;

    // SAFETY: The device is valid, and the pointer is to a local.
    unsafe {
        bindings::pci_read_config_dword(
            pdev.as_raw(),
            bindings::PCI_COMMAND as c_int,
            &raw mut value,
        )
    };
    value != u32::MAX
}

pub(crate) fn is_in_error(pdev: &pci::Device) -> bool {
    channel_state(pdev) != ChannelState::Normal || !config_accessible(pdev)
}

pub(crate) fn try_reset_function(pdev: &pci::Device) -> Result {
    reset_function(pdev.zdev(), false)
}

pub(crate) fn is_being_killed() -> bool {
    false
}

pub(crate) fn may_log() -> bool {
    true
}
