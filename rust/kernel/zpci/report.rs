// SPDX-License-Identifier: GPL-2.0-only

//! Reports of a recovery: to the log, to user space as uevents, and to the platform.
//!
//! A report about a PCI device is made with the device lock held, and [sent](Device::report) later
//! without locks: sending takes longer than all other processing of an event, and would delay an
//! owner that needs a lock for its reset.
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

/// Code that logs an event.
type Logger = fn(Option<&Device>, Option<&pci::Device>, &Ccdf);

/// The PCI device of a report, with the device's state and driver when the report was made.
pub struct Subject {
    pdev: ARef<pci::Device>,
    state: ChannelState,
    /// The name of the driver, cut to 23 bytes, with a NUL at its end.
    driver: [c_char; 24],
}

/// What the kernel tells the log, user space and the platform of one step of a function's recovery.
/// Each of the fields is optional.
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
    /// The PCI device that the report is about; [`None`] if the function has no PCI device.
    pub subject: Option<Subject>,
    /// An event to log, and the code that logs it.
    pub log: Option<(Ccdf, Logger)>,
    /// The uevent to send for the device.
    pub uevent: Option<ErsResult>,
    /// The text for the platform: the status of a recovery or, without a PCI device, of an event.
    pub platform: Option<&'static CStr>,
}

impl Report {
    /// The status of a successful recovery. [`Device::report`] counts the reports with this status,
    /// for debugfs.
    pub const SUCCESS: &'static CStr = c"success";

    /// The maximum number of queued reports. In a full queue a new report replaces the newest
    /// queued report, whose state is out of date.
    pub(super) const ROOM: usize = 8;

    /// Makes a report about a device. The report keeps the device's present channel state and the
    /// driver's name.
    // Not inlined: each of the callers would get a copy of the code, and none has to be fast.
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

        // SAFETY: `name` ends in a NUL, and the buffer is valid for the length that is passed.
        unsafe { bindings::sized_strscpy(subject.driver.as_mut_ptr(), name, subject.driver.len()) };
        Self {
            subject: Some(subject),
            log: None,
            uevent,
            platform,
        }
    }

    /// Logs the event, sends the uevent, and sends the status to the platform.
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

        // Format the state and the driver here: `zpci_report_status()` would do so if the device
        // were passed, but would hold the device lock while sending.
        if let Some(subject) = &self.subject {
            // SAFETY: The buffer is valid for the length that is passed. The format names three
            // strings, and the three arguments are strings that end in a NUL.
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
        // SAFETY: The function is valid by the type invariant of [`Device`]. Both strings end in a
        // NUL and outlive the call. The result is not needed: `zpci_report_status()` logs a
        // failure.
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
    /// Queues a report. A work item sends the report after all earlier reports. The work item
    /// starts a clock tick later, so that an owner that has just been signalled can run first.
    pub fn report(&self, report: Report) {
        let recovery = self.recovery();

        // Count the success here and not in `send`: a queued report may be replaced, and never be
        // sent.
        if report.platform == Some(Report::SUCCESS) {
            recovery.recovered.fetch_add(1, Relaxed);
        }
        let mut reports = recovery.reports.lock();
        let overtaken = (reports.len() >= Report::ROOM).then(|| reports.pop());

        // `push_within_capacity` cannot fail: if the queue was full, a report has just been
        // removed.
        let _ = reports.push_within_capacity(report);
        // Unlock `reports` before `overtaken` is freed: `overtaken` may hold the last reference to
        // a PCI device, and freeing a PCI device takes other locks. No lock may be taken under the
        // spinlock of `reports`.
        drop(reports);
        drop(overtaken);
        // Ignore the error of a full queue: two `Event::Reports` are queued. The second one has not
        // begun, and will send this report, too.
        let _ = recovery.reporting.add(Some(self), Event::Reports, 2);
    }

    /// Sends the queued reports.
    pub fn send_reports(&self) {
        while let Some(report) = self.next_report() {
            report.send(self);
        }
    }

    fn next_report(&self) -> Option<Report> {
        let mut reports = self.recovery().reports.lock();
        let mut next = reports.remove(0).ok()?;

        // Leave out this report's status if a later report has one: with each status the platform
        // gets the whole debug log, which takes long.
        if reports.iter().any(|later| later.platform.is_some()) {
            next.platform = None;
        }
        Some(next)
    }

    /// Reports the end of a recovery or a reset; `recovered` says whether the function works again.
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
