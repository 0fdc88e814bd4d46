// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `driver.rs`. The driver is vfio-pci.

use super::DeviceLock;
use crate::{
    bindings,
    pci,
    prelude::*, //
};
use loom::sync::atomic::Ordering::Relaxed;

pub(super) fn pci_as_raw(pdev: &pci::Device) -> *mut bindings::pci_dev {
    pdev.as_raw()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelState {
    Normal,
    Frozen,
    PermanentFailure,
}

impl ChannelState {
    pub(super) fn from_raw(raw: u8) -> Self {
        [Self::Normal, Self::Frozen, Self::PermanentFailure][usize::from(raw)]
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Frozen => "frozen",
            Self::PermanentFailure => "permanent-failure",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErsResult {
    None,
    CanRecover,
    NeedReset,
    Disconnect,
    Recovered,
}

pub(super) fn write_channel_state(pdev: &pci::Device, state: ChannelState) {
    // SAFETY: The device is valid.
    unsafe { (*pci_as_raw(pdev)).error_state.store(state as u8, Relaxed) };
}

pub(crate) struct Driver<'a>(&'a DeviceLock);

impl<'a> Driver<'a> {
    pub(super) fn new(device: &'a DeviceLock) -> Option<Self> {
        device.pdev().zdev().is_bound().then_some(Self(device))
    }

    pub(crate) fn name(&self) -> &CStr {
        c"vfio-pci"
    }

    pub(crate) fn handles_errors(&self) -> bool {
        true
    }

    pub(crate) fn error_detected(&self) -> Option<ErsResult> {
        crate::sync::may_sleep();
        self.0.pdev().zdev().signal();
        Some(ErsResult::CanRecover)
    }

    pub(crate) fn mmio_enabled(&self) -> Option<ErsResult> {
        None
    }

    pub(crate) fn slot_reset(&self) -> Option<ErsResult> {
        None
    }

    pub(crate) fn resume(&self) {}

    pub(crate) fn reset_prepare(&self) {}

    pub(crate) fn reset_done(&self) {}
}
