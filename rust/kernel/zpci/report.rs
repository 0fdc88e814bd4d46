// SPDX-License-Identifier: GPL-2.0-only

//! Reports of a recovery: to the log, to user space as uevents, and to the platform.
//!
//! C header: [`arch/s390/pci/pci_report.h`](srctree/arch/s390/pci/pci_report.h)

use super::{
    serial,
    ChannelState,
    Device,
    DeviceLock,
    ErrorEvent,
    ErsResult, //
};
use crate::{
    bindings,
    pci,
    prelude::*,
    str::CString,
    sync::{
        aref::ARef,
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
type Log = fn(&Device, &pci::Device, &ErrorEvent);

/// The name of a driver, cut to what there is room for.
struct DriverName([u8; 24]);

impl DriverName {
    fn of(device: &DeviceLock) -> Self {
        let mut bytes = [0; 24];
        let driver = device.driver();
        let name = driver
            .as_ref()
            .map_or(b"n/a".as_slice(), |driver| driver.name().to_bytes());

        for (to, from) in bytes.iter_mut().zip(name) {
            *to = *from;
        }
        Self(bytes)
    }

    fn as_str(&self) -> &str {
        let len = self.0.iter().position(|&byte| byte == 0);

        core::str::from_utf8(&self.0[..len.unwrap_or(self.0.len())]).unwrap_or("?")
    }
}

/// A report of what has happened to a function.
///
/// It is made when it happens, and sent by [`Device::report`] when no lock is held: sending takes
/// longer than all else that is done about an event, and the owner does not wait for it.
#[derive(Default)]
pub struct Report {
    device: Option<(ARef<pci::Device>, ChannelState, DriverName)>,
    uevent: Option<ErsResult>,
    platform: Option<(&'static CStr, &'static CStr)>,
    log: Option<(ErrorEvent, Log)>,
}

impl Report {
    /// Makes a report without anything in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the device, its channel state and its driver, as they are now.
    pub fn device(mut self, device: &DeviceLock) -> Self {
        self.device = Some((
            device.pdev().into(),
            super::channel_state(device.pdev()),
            DriverName::of(device),
        ));
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

    /// Sends what is for the log and for user space.
    fn send_local(&self, zdev: &Device) {
        let Some((pdev, ..)) = &self.device else {
            return;
        };

        if let Some((event, log)) = &self.log {
            log(zdev, pdev, event);
        }
        if let Some(result) = self.uevent {
            super::uevent(pdev, result);
        }
    }

    /// Sends what is for the platform.
    fn send_platform(&self, zdev: &Device) {
        let Some((operation, status)) = self.platform else {
            return;
        };
        // The C function adds these two lines itself if it is given the device, but then wants
        // the device's lock, for all the time that it needs.
        let text = self.device.as_ref().and_then(|(_, state, driver)| {
            let status = status.to_str().ok()?;
            let state = state.name();
            let driver = driver.as_str();

            CString::try_from_fmt(fmt!("{status}\nstate: {state}\ndriver: {driver}")).ok()
        });

        // SAFETY: The function is valid, and both strings end in a NUL and outlive the call. The
        // result only repeats what the function has logged.
        unsafe {
            bindings::zpci_report_status(
                zdev.as_raw(),
                core::ptr::null_mut(),
                operation.as_char_ptr(),
                text.as_deref().unwrap_or(status).as_char_ptr(),
            )
        };
    }
}

/// Reports of a function that wait to be sent, from a work item of their own.
#[pin_data]
pub(super) struct Reports {
    /// With the function that they are about, which so cannot be released before they are sent.
    #[pin]
    waiting: SpinLock<KVec<(ARef<Device>, Report)>>,
    #[pin]
    work: DelayedWork<Reports>,
}

impl_has_delayed_work! {
    impl HasDelayedWork<Self> for Reports { self.work }
}

impl WorkItem for Reports {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let mut platform = None;

        while let Some((zdev, report)) = this.next() {
            report.send_local(&zdev);
            // Each has the whole debug log in it, so that the newest one says all.
            if report.platform.is_some() {
                platform = Some((zdev, report));
            }
        }
        if let Some((zdev, report)) = platform {
            report.send_platform(&zdev);
        }
    }
}

impl Reports {
    /// How many can wait. If more come the newest one stands for those before it: what is told
    /// last is how things are.
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

    fn next(&self) -> Option<(ARef<Device>, Report)> {
        self.waiting.lock().remove(0).ok()
    }

    /// Adds a report, and returns the one whose place it takes.
    fn push(&self, entry: (ARef<Device>, Report)) -> Option<(ARef<Device>, Report)> {
        let mut waiting = self.waiting.lock();
        let overtaken = if waiting.len() >= Self::ROOM {
            waiting.pop()
        } else {
            None
        };

        // There is room now.
        let _ = waiting.push_within_capacity(entry);
        overtaken
    }
}

impl Device {
    /// Sends a report, a little later: what has been reported before goes first, and an owner that
    /// has just been woken up.
    pub fn report(&self, report: Report) {
        let Ok(recovery) = self.recovery() else {
            return;
        };
        let reports = recovery.reports();

        drop(reports.push((self.into(), report)));
        let _ = serial::workqueue().enqueue_delayed(reports, 1);
    }
}
