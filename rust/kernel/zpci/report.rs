// SPDX-License-Identifier: GPL-2.0-only

//! Reports of a recovery: to the log, to user space as uevents, and to the platform.
//!
//! C header: [`arch/s390/pci/pci_report.h`](srctree/arch/s390/pci/pci_report.h)

use super::{
    driver::pci_as_raw,
    ChannelState,
    Device,
    DeviceGuard,
    ErrorEvent,
    ErsResult, //
};
use crate::{
    bindings,
    pci,
    prelude::*,
    str::CString,
    sync::aref::ARef, //
};

/// Writes lines about an event into the log.
type Log = fn(&pci::Device, &ErrorEvent);

/// A report of what has happened to a function.
///
/// It is made when it happens and sent later, by [`Function::report`]: sending takes longer than
/// all else that is done about an event, and the owner does not wait for it.
///
/// [`Function::report`]: super::Function::report
pub struct Report {
    zdev: ARef<Device>,
    pdev: Option<ARef<pci::Device>>,
    situation: Option<(ChannelState, CString)>,
    uevent: Option<ErsResult>,
    platform: Option<(&'static CStr, &'static CStr)>,
    log: Option<(ErrorEvent, Log)>,
}

impl Report {
    /// Makes a report without anything in it.
    pub fn new(zdev: &Device) -> Self {
        Self {
            zdev: zdev.into(),
            pdev: None,
            situation: None,
            uevent: None,
            platform: None,
            log: None,
        }
    }

    /// Adds the device, its channel state and its driver, as they are now.
    pub fn device(mut self, device: &DeviceGuard<'_>) -> Self {
        let driver = match device.driver() {
            Some(driver) => CString::try_from(driver.name()),
            None => CString::try_from(c"n/a"),
        };

        self.pdev = Some(device.pdev().into());
        // Without memory the platform gets the report without these two lines.
        self.situation = driver.ok().map(|name| (device.channel_state(), name));
        self
    }

    /// Adds a uevent of the device.
    pub fn uevent(mut self, result: ErsResult) -> Self {
        self.uevent = Some(result);
        self
    }

    /// Adds a report to the platform: the status of an operation.
    pub fn platform(mut self, operation: &'static CStr, status: &'static CStr) -> Self {
        self.platform = Some((operation, status));
        self
    }

    /// Adds lines in the log, about an event.
    pub fn log(mut self, event: ErrorEvent, log: Log) -> Self {
        self.log = Some((event, log));
        self
    }

    /// Whether there is something in it for the platform.
    pub(super) fn is_for_platform(&self) -> bool {
        self.platform.is_some()
    }

    /// Sends what is for the log and for user space.
    pub(super) fn send_local(&self) {
        let Some(pdev) = &self.pdev else { return };

        if let Some((event, log)) = &self.log {
            log(pdev, event);
        }
        if let Some(result) = self.uevent {
            // SAFETY: The report holds a reference to the device.
            unsafe { bindings::pci_uevent_ers(pci_as_raw(pdev), result.into_raw()) };
        }
    }

    /// Sends what is for the platform.
    pub(super) fn send_platform(&self) {
        let Some((operation, status)) = self.platform else {
            return;
        };
        // The C function adds these two lines itself if it is given the device, but then wants
        // the device's lock, for all the time that it needs.
        let text = self.situation.as_ref().and_then(|(state, driver)| {
            let status = status.to_str().ok()?;
            let state = state.name();
            let driver = driver.to_str().ok()?;

            CString::try_from_fmt(fmt!("{status}\nstate: {state}\ndriver: {driver}")).ok()
        });

        // SAFETY: The report holds a reference to the function, and both strings end in a NUL
        // and outlive the call. The result only repeats what the function has logged.
        unsafe {
            bindings::zpci_report_status(
                self.zdev.as_raw(),
                core::ptr::null_mut(),
                operation.as_char_ptr(),
                text.as_deref().unwrap_or(status).as_char_ptr(),
            )
        };
    }
}
