// SPDX-License-Identifier: GPL-2.0-only

//! The driver of a function, and the driver's callbacks during a recovery.
//!
//! Documentation/PCI/pci-error-recovery.rst describes the callbacks:
//!
//! ```
//! use kernel::zpci::{DeviceLock, ErsResult};
//!
//! /// Tells the driver of an error. A device without a driver that wants to know is given up.
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

/// The driver of a PCI device. The device's lock is held, so the driver stays bound.
///
/// # Invariants
///
/// `driver` is valid, and is bound to the device of `device` until that guard is dropped.
pub struct Driver<'a> {
    driver: *const bindings::pci_driver,
    device: &'a DeviceLock,
}

type Callback = unsafe extern "C" fn(*mut bindings::pci_dev) -> bindings::pci_ers_result_t;
type Notification = unsafe extern "C" fn(*mut bindings::pci_dev);

impl<'a> Driver<'a> {
    pub(super) fn new(device: &'a DeviceLock) -> Option<Self> {
        // SAFETY: The guard keeps the device valid, and the held lock keeps the driver bound.
        let driver = unsafe { (*pci_as_raw(device.pdev())).dev.driver };

        if driver.is_null() {
            return None;
        }
        Some(Self {
            // INVARIANT: The driver of a PCI device is embedded in a `struct pci_driver`. It is
            // unbound before it is freed, and unbinding takes the lock.
            // SAFETY: By the invariant above.
            driver: unsafe { crate::container_of!(driver, bindings::pci_driver, driver) },
            device,
        })
    }

    fn raw_pdev(&self) -> *mut bindings::pci_dev {
        pci_as_raw(self.device.pdev())
    }

    fn handlers(&self) -> Option<&bindings::pci_error_handlers> {
        // SAFETY: By the type invariant the driver is valid. Its table of handlers, if there is
        // one, is constant and lives as long as the driver.
        unsafe { (*self.driver).err_handler.as_ref() }
    }

    fn ask(&self, callback: Option<Callback>) -> Option<ErsResult> {
        // SAFETY: The callback belongs to the driver that is bound to the device, and the device's
        // lock is held, as the callback expects.
        Some(ErsResult::from_raw(unsafe { callback?(self.raw_pdev()) }))
    }

    fn tell(&self, callback: Option<Notification>) {
        if let Some(callback) = callback {
            // SAFETY: The callback belongs to the driver that is bound to the device, and the
            // device's lock is held, as the callback expects.
            unsafe { callback(self.raw_pdev()) };
        }
    }

    /// Returns the driver's name.
    pub fn name(&self) -> &CStr {
        // SAFETY: By the type invariant the driver is valid. A registered driver has a name, which
        // lives as long as the driver.
        unsafe { CStr::from_char_ptr((*self.driver).name) }
    }

    /// Whether the driver has callbacks for errors.
    pub fn handles_errors(&self) -> bool {
        self.handlers().is_some_and(|h| h.error_detected.is_some())
    }

    /// Tells the driver of an error; [`None`] if it has no callback for that. The driver must not
    /// access the device, which is blocked.
    pub fn error_detected(&self) -> Option<ErsResult> {
        let callback = self.handlers()?.error_detected?;

        // SAFETY: The callback belongs to the driver that is bound to the device, and the device's
        // lock is held, as the callback expects.
        Some(ErsResult::from_raw(unsafe {
            // CAST: The number comes from the C enumeration.
            callback(
                self.raw_pdev(),
                self.device.channel_state() as bindings::pci_channel_state_t,
            )
        }))
    }

    /// Tells the driver that it may read the device's registers; [`None`] if it has no callback.
    pub fn mmio_enabled(&self) -> Option<ErsResult> {
        self.ask(self.handlers()?.mmio_enabled)
    }

    /// Tells the driver that the device has been reset; [`None`] if it has no callback.
    pub fn slot_reset(&self) -> Option<ErsResult> {
        self.ask(self.handlers()?.slot_reset)
    }

    /// Tells the driver that it may use the device again.
    pub fn resume(&self) {
        self.tell(self.handlers().and_then(|h| h.resume));
    }

    /// Tells the driver that somebody is about to reset the device on demand.
    pub fn reset_prepare(&self) {
        self.tell(self.handlers().and_then(|h| h.reset_prepare));
    }

    /// Tells the driver that a reset on demand has ended.
    pub fn reset_done(&self) {
        self.tell(self.handlers().and_then(|h| h.reset_done));
    }
}
