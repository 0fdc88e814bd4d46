// SPDX-License-Identifier: GPL-2.0-only

//! The driver of a function, and its callbacks while the device is in error.
//!
//! The callbacks are those of Documentation/PCI/pci-error-recovery.rst:
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

/// The driver of a PCI device whose lock is held, so that it stays bound.
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
        // SAFETY: The guard keeps the device valid, and its lock keeps the binding as it is.
        let driver = unsafe { (*pci_as_raw(device.pdev())).dev.driver };

        if driver.is_null() {
            return None;
        }
        Some(Self {
            // INVARIANT: A driver that is bound to a PCI device is embedded in a PCI driver. It
            // is unbound before it goes away, and unbinding takes the lock.
            // SAFETY: See above.
            driver: unsafe { crate::container_of!(driver, bindings::pci_driver, driver) },
            device,
        })
    }

    fn raw_pdev(&self) -> *mut bindings::pci_dev {
        pci_as_raw(self.device.pdev())
    }

    fn handlers(&self) -> Option<&bindings::pci_error_handlers> {
        // SAFETY: The driver is valid by the type invariant, and its table of handlers, if it
        // has one, is constant for as long as the driver is there.
        unsafe { (*self.driver).err_handler.as_ref() }
    }

    fn ask(&self, callback: Option<Callback>) -> Option<ErsResult> {
        // SAFETY: The device is bound to the driver whose callback this is, and its lock is held
        // as the callbacks expect.
        Some(ErsResult::from_raw(unsafe { callback?(self.raw_pdev()) }))
    }

    fn tell(&self, callback: Option<Notification>) {
        if let Some(callback) = callback {
            // SAFETY: As in `ask`.
            unsafe { callback(self.raw_pdev()) };
        }
    }

    /// Returns the driver's name.
    pub fn name(&self) -> &CStr {
        // SAFETY: The driver is valid by the type invariant, and a registered driver has a name
        // that lives as long.
        unsafe { CStr::from_char_ptr((*self.driver).name) }
    }

    /// Whether the driver wants to know of errors.
    pub fn handles_errors(&self) -> bool {
        self.handlers().is_some_and(|h| h.error_detected.is_some())
    }

    /// Tells the driver of an error; [`None`] if it does not want to know. The driver must not
    /// touch the device, which is blocked.
    pub fn error_detected(&self) -> Option<ErsResult> {
        let callback = self.handlers()?.error_detected?;

        // SAFETY: As in `ask`.
        Some(ErsResult::from_raw(unsafe {
            // CAST: The number is that of the C enumeration.
            callback(
                self.raw_pdev(),
                self.device.channel_state() as bindings::pci_channel_state_t,
            )
        }))
    }

    /// Tells the driver that it may look at the device; [`None`] if it does not want to.
    pub fn mmio_enabled(&self) -> Option<ErsResult> {
        self.ask(self.handlers()?.mmio_enabled)
    }

    /// Tells the driver that the device has been reset; [`None`] if it does not want to know.
    pub fn slot_reset(&self) -> Option<ErsResult> {
        self.ask(self.handlers()?.slot_reset)
    }

    /// Tells the driver that it may go on.
    pub fn resume(&self) {
        self.tell(self.handlers().and_then(|h| h.resume));
    }

    /// Tells the driver that its device is going to be reset on demand, and not by a recovery.
    pub fn reset_prepare(&self) {
        self.tell(self.handlers().and_then(|h| h.reset_prepare));
    }

    /// Tells the driver that a reset on demand is over.
    pub fn reset_done(&self) {
        self.tell(self.handlers().and_then(|h| h.reset_done));
    }
}
