// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `report.rs`: a report that is sent is a line in the log.

use super::{
    Device,
    DeviceGuard,
    ErrorEvent,
    ErsResult, //
};
use crate::{
    pci,
    prelude::*,
    sync::aref::ARef, //
};

type Log = fn(&pci::Device, &ErrorEvent);

pub(crate) struct Report {
    zdev: ARef<Device>,
    platform: Option<(&'static CStr, &'static CStr)>,
    log: Option<(ErrorEvent, Log)>,
}

impl Report {
    pub(crate) fn new(zdev: &Device) -> Self {
        Self {
            zdev: zdev.into(),
            platform: None,
            log: None,
        }
    }

    pub(crate) fn device(self, _device: &DeviceGuard<'_>) -> Self {
        self
    }

    pub(crate) fn uevent(self, _result: ErsResult) -> Self {
        self
    }

    pub(crate) fn platform(mut self, operation: &'static CStr, status: &'static CStr) -> Self {
        self.platform = Some((operation, status));
        self
    }

    pub(crate) fn log(mut self, event: ErrorEvent, log: Log) -> Self {
        self.log = Some((event, log));
        self
    }

    pub(super) fn is_for_platform(&self) -> bool {
        self.platform.is_some()
    }

    pub(super) fn send_local(&self) {
        crate::sync::may_sleep();
        if let Some((event, log)) = &self.log {
            log(&pci::Device::of(&self.zdev), event);
        }
    }

    pub(super) fn send_platform(&self) {
        crate::sync::may_sleep();
        if let Some((operation, status)) = self.platform {
            log(format!("{operation:?}: {status:?}"));
        }
    }
}
