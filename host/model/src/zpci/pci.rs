// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `pci.rs`, and for the PCI core.

use super::reset_function;
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
    fn from_raw(raw: u8) -> Self {
        [Self::Normal, Self::Frozen, Self::PermanentFailure][usize::from(raw)]
    }

    pub(super) fn name(self) -> &'static CStr {
        match self {
            Self::Normal => c"normal",
            Self::Frozen => c"frozen",
            Self::PermanentFailure => c"permanent-failure",
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

pub(super) fn command(pdev: &pci::Device) -> Option<u16> {
    let mut value = 0;

    // SAFETY: The device is valid, and the pointer is to a local.
    unsafe {
        bindings::pci_read_config_dword(
            pdev.as_raw(),
            bindings::PCI_COMMAND as c_int,
            &raw mut value,
        )
    };
    (value != u32::MAX).then_some(value as u16)
}

pub(crate) fn config_accessible(pdev: &pci::Device) -> bool {
    command(pdev).is_some()
}

pub(crate) fn is_in_error(pdev: &pci::Device) -> bool {
    channel_state(pdev) != ChannelState::Normal || !config_accessible(pdev)
}

pub(crate) fn try_reset_function(pdev: &pci::Device) -> Result {
    reset_function(pdev.zdev(), false)
}
