// SPDX-License-Identifier: GPL-2.0-only

//! Reports of a recovery: to the log, to user space as uevents, and to the platform.
//!
//! A report is made while the locks of a function are held, and [sent](Device::report) later
//! without locks: sending takes longer than all other processing of an event, and an owner should
//! not have to wait for the locks.
//!
//! C header: [`arch/s390/pci/pci_report.h`](srctree/arch/s390/pci/pci_report.h)

use super::{
    Ccdf,
    ChannelState,
    Device,
    DeviceLock,
    Driver,
    ErsResult,
    Event, //
};
use crate::{
    bindings,
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::Relaxed, //
    }, //
};

/// A function that logs an event.
type Logger = fn(Option<&Device>, Option<&pci::Device>, &Ccdf);

/// The device of a report, in its state at the time of the report.
pub struct Subject {
    pdev: ARef<pci::Device>,
    state: ChannelState,
    /// The name of the driver, cut to 23 bytes, with a NUL at its end.
    driver: [c_char; 24],
}

/// A report about a function.
///
/// # Examples
///
/// ```
/// use kernel::zpci::{DeviceGuard, ErsResult, Report};
///
/// fn begins(device: &DeviceGuard<'_>) {
///     let report = Report::of(device, Some(ErsResult::CanRecover), Some(c"in progress"));
///
///     device.state().zdev().report(report);
/// }
/// ```
#[derive(Default)]
pub struct Report {
    /// The device of the report, from [`Report::of`].
    pub subject: Option<Subject>,
    /// An event, and the function that logs it.
    pub log: Option<(Ccdf, Logger)>,
    /// A uevent of the device.
    pub uevent: Option<ErsResult>,
    /// The status of the device's recovery, or of an event without a device, for the platform.
    pub platform: Option<&'static CStr>,
}

impl Report {
    /// The status of a recovery that has succeeded. Reports with this status are counted.
    pub const SUCCESS: &'static CStr = c"success";

    /// The most reports that can wait. One more replaces the last waiting report: only the newest
    /// one has the final state.
    pub(super) const ROOM: usize = 8;

    /// Makes a report with the present state of a device, its channel state and its driver.
    // Not inlined: there are several callers, and none of them has to be fast.
    #[inline(never)]
    pub fn of(
        device: &DeviceLock,
        uevent: Option<ErsResult>,
        platform: Option<&'static CStr>,
    ) -> Self {
        let mut subject = Subject {
            pdev: device.pdev().into(),
            state: device.channel_state(),
            driver: [0; 24],
        };
        let driver = device.driver();
        let name = driver.as_ref().map_or(c"n/a", Driver::name).as_char_ptr();

        // SAFETY: The string ends in a NUL, and the buffer has the length that is given.
        unsafe { bindings::sized_strscpy(subject.driver.as_mut_ptr(), name, subject.driver.len()) };
        Self {
            subject: Some(subject),
            log: None,
            uevent,
            platform,
        }
    }

    /// Logs the event, and sends the uevent and the report to the platform.
    fn send(&self, zdev: &Device) {
        if let Some(Subject { pdev, .. }) = &self.subject {
            if let Some((event, log)) = &self.log {
                log(Some(zdev), Some(pdev), event);
            }
            if let Some(result) = self.uevent {
                super::uevent(pdev, result);
            }
        }
        let Some(status) = self.platform else {
            return;
        };
        let mut text = [0; 96];
        let mut operation = c"error event";
        let mut status = status.as_char_ptr();

        // With the device as argument the C function would add these two lines by itself, but would
        // hold the device's lock while it sends.
        if let Some(subject) = &self.subject {
            // SAFETY: The buffer has the given length, and the arguments are the three
            // NUL-terminated strings that the format names.
            unsafe {
                bindings::scnprintf(
                    text.as_mut_ptr(),
                    text.len(),
                    c"%s\nstate: %s\ndriver: %s".as_char_ptr(),
                    status,
                    subject.state.name().as_char_ptr(),
                    subject.driver.as_ptr(),
                )
            };
            operation = c"recovery";
            status = text.as_ptr();
        }
        // SAFETY: The function is valid, and both strings end in a NUL and outlive the call. The C
        // function logs a failure by itself.
        unsafe {
            bindings::zpci_report_status(
                zdev.as_raw(),
                core::ptr::null_mut(),
                operation.as_char_ptr(),
                status,
            )
        };
    }
}

impl Device {
    /// Sends a report in a work item, a clock tick later: earlier reports go first, and an owner
    /// that has just been signalled can run first.
    pub fn report(&self, report: Report) {
        let recovery = self.recovery();

        // Count here and not when sending: a waiting report may be replaced, and never be sent.
        if report.platform == Some(Report::SUCCESS) {
            recovery.recovered.fetch_add(1, Relaxed);
        }
        let mut reports = recovery.reports.lock();
        let overtaken = (reports.len() >= Report::ROOM).then(|| reports.pop());

        // Cannot fail: if the list was full, a report has just been removed.
        let _ = reports.push_within_capacity(report);
        // Unlock before the reference to a device is dropped.
        drop(reports);
        drop(overtaken);
        // Fails if one event is being processed and another one waits, which will find this report.
        let _ = recovery.reporting.add(Some(self), Event::Reports, 2);
    }

    /// Sends the reports that wait.
    pub fn send_reports(&self) {
        while let Some(report) = self.next_report() {
            report.send(self);
        }
    }

    fn next_report(&self) -> Option<Report> {
        let mut reports = self.recovery().reports.lock();
        let mut next = reports.remove(0).ok()?;

        // Only the newest status goes to the platform: each report includes the whole debug log.
        if reports.iter().any(|later| later.platform.is_some()) {
            next.platform = None;
        }
        Some(next)
    }

    /// Reports how a recovery or a reset has ended.
    #[inline(never)]
    pub fn report_end(&self, device: &DeviceLock, recovered: bool) {
        let (uevent, status) = if recovered {
            (ErsResult::Recovered, Report::SUCCESS)
        } else {
            (ErsResult::Disconnect, c"failed (reset)")
        };

        self.report(Report::of(device, Some(uevent), Some(status)));
    }
}
