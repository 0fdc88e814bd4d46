// SPDX-License-Identifier: GPL-2.0-only

//! The driver of a function's PCI device, and the callbacks of the driver during a recovery.
//!
//! Documentation/PCI/pci-error-recovery.rst describes the callbacks.
//!
//! # Examples
//!
//! Tell the driver of an error.
//!
//! ```
//! use kernel::zpci::{DeviceLock, ErsResult};
//!
//! /// Tells the driver of an error. Gives the device up if no driver has a callback for errors.
//! fn tell(device: &DeviceLock) -> ErsResult {
//!     let answer = device.driver().and_then(|driver| driver.error_detected());
//!
//!     answer.unwrap_or(ErsResult::Disconnect)
//! }
//! ```
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use super::{
    pci::pci_as_raw,
    DeviceLock,
    ErsResult, //
};
use crate::{
    bindings,
    prelude::*, //
};

/// The driver of a PCI device. The device lock is held, so the driver stays bound.
///
/// # Invariants
///
/// `driver` is valid, and is bound to the PCI device of the guard `device` until the guard is
/// dropped.
pub struct Driver<'a> {
    driver: *const bindings::pci_driver,
    device: &'a DeviceLock,
}

type Callback = unsafe extern "C" fn(*mut bindings::pci_dev) -> bindings::pci_ers_result_t;
type Notification = unsafe extern "C" fn(*mut bindings::pci_dev);

impl<'a> Driver<'a> {
    pub(super) fn new(device: &'a DeviceLock) -> Option<Self> {
        // SAFETY: The guard `device` keeps the PCI device valid, and holds the device lock, which
        // keeps the driver bound.
        let driver = unsafe { (*pci_as_raw(device.pdev())).dev.driver };

        if driver.is_null() {
            return None;
        }
        Some(Self {
            // INVARIANT: The driver of a PCI device is embedded in a `struct pci_driver`. A driver
            // is unbound before it is freed, and unbinding takes the device lock, which the guard
            // holds.
            // SAFETY: The driver of a PCI device is embedded in a `struct pci_driver`.
            driver: unsafe { crate::container_of!(driver, bindings::pci_driver, driver) },
            device,
        })
    }

    fn raw_pdev(&self) -> *mut bindings::pci_dev {
        pci_as_raw(self.device.pdev())
    }

    fn handlers(&self) -> Option<&bindings::pci_error_handlers> {
        // SAFETY: By the type invariant the driver is valid. A driver's table of error handlers, if
        // there is one, is constant and lives as long as the driver.
        unsafe { (*self.driver).err_handler.as_ref() }
    }

    fn ask(&self, callback: Option<Callback>) -> Option<ErsResult> {
        // SAFETY: The callback belongs to the driver that is bound to the PCI device. By the type
        // invariant the device lock is held, as the callback expects.
        Some(ErsResult::from_raw(unsafe { callback?(self.raw_pdev()) }))
    }

    fn tell(&self, callback: Option<Notification>) {
        if let Some(callback) = callback {
            // SAFETY: The callback belongs to the driver that is bound to the PCI device. By the
            // type invariant the device lock is held, as the callback expects.
            unsafe { callback(self.raw_pdev()) };
        }
    }

    /// Returns the driver's name.
    pub fn name(&self) -> &CStr {
        // SAFETY: By the type invariant the driver is valid. A registered driver has a name, which
        // lives as long as the driver.
        unsafe { CStr::from_char_ptr((*self.driver).name) }
    }

    /// Whether the driver has the callback `error_detected`.
    pub fn handles_errors(&self) -> bool {
        self.handlers().is_some_and(|h| h.error_detected.is_some())
    }

    /// Tells the driver of an error, and returns the driver's answer; [`None`] if the driver has no
    /// callback for errors. The callback must not access the device, whose registers are blocked.
    pub fn error_detected(&self) -> Option<ErsResult> {
        let callback = self.handlers()?.error_detected?;

        // SAFETY: The callback belongs to the driver that is bound to the PCI device. By the type
        // invariant the device lock is held, as the callback expects.
        Some(ErsResult::from_raw(unsafe {
            // CAST: [`ChannelState`] has the numbers of the C enumeration.
            callback(
                self.raw_pdev(),
                self.device.channel_state() as bindings::pci_channel_state_t,
            )
        }))
    }

    /// Tells the driver that it may read the device's registers, and returns the driver's answer;
    /// [`None`] if the driver has no callback for this step.
    pub fn mmio_enabled(&self) -> Option<ErsResult> {
        self.ask(self.handlers()?.mmio_enabled)
    }

    /// Tells the driver that the device has been reset, and returns the driver's answer; [`None`]
    /// if the driver has no callback for this step.
    pub fn slot_reset(&self) -> Option<ErsResult> {
        self.ask(self.handlers()?.slot_reset)
    }

    /// Tells the driver that the recovery has ended and that the device can be used again.
    pub fn resume(&self) {
        self.tell(self.handlers().and_then(|h| h.resume));
    }

    /// Tells the driver that a reset outside of the steps of a recovery is about to begin.
    pub fn reset_prepare(&self) {
        self.tell(self.handlers().and_then(|h| h.reset_prepare));
    }

    /// Tells the driver that a reset outside of the steps of a recovery has ended.
    pub fn reset_done(&self) {
        self.tell(self.handlers().and_then(|h| h.reset_done));
    }
}
