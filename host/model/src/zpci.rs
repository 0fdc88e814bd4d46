// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `rust/kernel/zpci.rs`: the kernel's own files, and what they need of a machine.

#[expect(dead_code, reason = "availability events have no model")]
#[path = "../../../rust/kernel/zpci/ccdf.rs"]
mod ccdf;
#[expect(
    dead_code,
    reason = "as above, and nobody asks for an event without its record"
)]
#[path = "../../../rust/kernel/zpci/function.rs"]
mod function;
#[expect(dead_code, reason = "nobody looks on from outside")]
#[path = "../../../rust/kernel/zpci/queue.rs"]
mod queue;
#[path = "../../../rust/kernel/zpci/record.rs"]
mod record;
#[expect(unused_unsafe, reason = "what stands for C is safe")]
#[path = "../../../rust/kernel/zpci/serial.rs"]
mod serial;
#[expect(dead_code, reason = "as above")]
#[path = "../../../rust/kernel/zpci/session.rs"]
mod session;

pub(crate) mod debug;
mod device;
mod lock;
mod report;
mod status;
pub(crate) mod trace;

pub(crate) use self::{
    ccdf::{
        AvailabilityEvent,
        ErrorEvent,
        FunctionHandle,
        FunctionId,
        Severity, //
    },
    device::{
        raise,
        reported,
        settle,
        unblock,
        Device,
        State, //
    },
    function::{
        Age,
        Event,
        Function, //
    },
    lock::{
        ChannelState,
        Config,
        DeviceGuard,
        Driver,
        ErsResult,
        StateGuard, //
    },
    queue::Recovery,
    record::Record,
    report::Report,
    serial::{
        Item,
        SerialQueue, //
    },
    session::Leftover, //
};

use crate::pci;

pub(crate) fn name(_pdev: &pci::Device) -> &str {
    "0001:00:00.0"
}

pub(crate) fn uevent(_device: &DeviceGuard<'_>, _result: ErsResult) {}

pub(crate) fn channel_state(pdev: &pci::Device) -> ChannelState {
    pdev.zdev.channel_state()
}

pub(crate) fn config_accessible(pdev: &pci::Device) -> bool {
    !pdev.zdev.is_blocked()
}

pub(crate) fn is_in_error(pdev: &pci::Device) -> bool {
    channel_state(pdev) != ChannelState::Normal || !config_accessible(pdev)
}

pub(crate) fn is_being_killed() -> bool {
    false
}

pub(crate) fn may_log() -> bool {
    true
}
