// SPDX-License-Identifier: GPL-2.0-only

//! Reports of a recovery: to the log, to user space as uevents, and to the platform.
//!
//! A report is made while the locks of a function are held, and [sent](Device::report) when they
//! are not: sending takes longer than everything else that is done about an event, and the owner
//! does not wait for it.
//!
//! C header: [`arch/s390/pci/pci_report.h`](srctree/arch/s390/pci/pci_report.h)

use super::{
    event::workqueue,
    Ccdf,
    ChannelState,
    Device,
    DeviceLock,
    Driver,
    ErsResult, //
};
use crate::{
    bindings,
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::Relaxed,
        new_spinlock,
        Arc,
        SpinLock, //
    },
    workqueue::{
        impl_has_delayed_work,
        new_delayed_work,
        DelayedWork,
        WorkItem, //
    }, //
};

/// Writes lines about an event into the log.
type Log = fn(Option<&Device>, Option<&pci::Device>, &Ccdf);

/// The device that a report is about, as it was when the report was made.
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
    /// The device that the report is about: see [`Report::of`].
    pub subject: Option<Subject>,
    /// Lines in the log, about an event.
    pub log: Option<(Ccdf, Log)>,
    /// A uevent of the device.
    pub uevent: Option<ErsResult>,
    /// For the platform: the status of the device's recovery, or of an event without a device.
    pub platform: Option<&'static CStr>,
}

impl Report {
    /// The status for the platform of a recovery that has succeeded. Such reports are counted.
    pub const SUCCESS: &'static CStr = c"success";

    /// Makes a report about a device, its channel state and its driver, as they are now.
    // Out of line: it is called at several places, and none is hot.
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

    /// Writes the log, and sends the uevent.
    fn send_local(&self, zdev: &Device) {
        let Some(Subject { pdev, .. }) = &self.subject else {
            return;
        };

        if let Some((event, log)) = &self.log {
            log(Some(zdev), Some(pdev), event);
        }
        if let Some(result) = self.uevent {
            super::uevent(pdev, result);
        }
    }

    /// Sends the report to the platform.
    fn send_platform(&self, zdev: &Device) {
        let Some(status) = self.platform else {
            return;
        };
        let mut text = [0; 96];
        let mut operation = c"error event";
        let mut status = status.as_char_ptr();

        // The C function adds these two lines itself if it is given the device, but then wants
        // the device's lock, for all the time that it needs.
        if let Some(subject) = &self.subject {
            // SAFETY: The buffer has the length that is given, and the format names three strings
            // that end in a NUL.
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
        // SAFETY: The function is valid, and both strings end in a NUL and outlive the call. A
        // failure has been logged there.
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

/// A report with the function that it is about, which so cannot be released before it is sent.
type Waiting = (ARef<Device>, Report);

/// Reports of a function that wait to be sent, from a work item of their own.
#[pin_data]
pub(super) struct Reports {
    #[pin]
    waiting: SpinLock<KVec<Waiting>>,
    #[pin]
    work: DelayedWork<Reports>,
}

impl_has_delayed_work! {
    impl HasDelayedWork<Self> for Reports { self.work }
}

impl WorkItem for Reports {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let mut newest: Option<Waiting> = None;

        while let Some((zdev, report)) = this.next() {
            report.send_local(&zdev);
            // Each has the whole debug log in it, so that the newest one says all.
            if report.platform.is_some() {
                newest = Some((zdev, report));
            }
        }
        if let Some((zdev, report)) = &newest {
            report.send_platform(zdev);
        }
    }
}

impl Reports {
    /// How many reports can wait. One more takes the place of the report before it: the last report
    /// says how things are.
    const ROOM: usize = 8;

    pub(super) fn new() -> Result<Arc<Self>> {
        let waiting = KVec::with_capacity(Self::ROOM, GFP_KERNEL)?;

        Arc::pin_init(
            pin_init!(Self {
                waiting <- new_spinlock!(waiting, "zpci::Reports::waiting"),
                work <- new_delayed_work!("zpci::Reports::work"),
            }),
            GFP_KERNEL,
        )
    }

    fn next(&self) -> Option<Waiting> {
        self.waiting.lock().remove(0).ok()
    }
}

impl Device {
    /// Sends a report, a little later: earlier reports go first, and an owner that has just been
    /// woken up.
    pub fn report(&self, report: Report) {
        let recovery = self.recovery();
        let reports = recovery.reports();

        // Here, as of reports that wait some are never sent.
        if report.platform == Some(Report::SUCCESS) {
            recovery.recovered.fetch_add(1, Relaxed);
        }
        let mut waiting = reports.waiting.lock();
        let overtaken = (waiting.len() >= Reports::ROOM).then(|| waiting.pop());

        // There is room now.
        let _ = waiting.push_within_capacity((self.into(), report));
        // The lock is let go before references are.
        drop(waiting);
        drop(overtaken);
        let _ = workqueue().enqueue_delayed(reports, 1);
    }

    /// Reports the end of a recovery.
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
