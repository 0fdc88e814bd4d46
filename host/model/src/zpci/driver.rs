// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `driver.rs`. The driver is always vfio-pci.

use super::{
    DeviceLock,
    ErsResult, //
};
use crate::prelude::*;

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
