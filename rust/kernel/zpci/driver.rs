// SPDX-License-Identifier: GPL-2.0-only

//! What a PCI driver is asked, and answers, when its device is in error.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use super::DeviceLock;
use crate::{
    bindings,
    pci,
    prelude::*, //
};

/// Returns the `struct pci_dev` of a PCI device.
#[inline]
pub(super) fn pci_as_raw(pdev: &pci::Device) -> *mut bindings::pci_dev {
    // CAST: `pci::Device` is a transparent wrapper of `struct pci_dev`.
    core::ptr::from_ref(pdev).cast_mut().cast()
}

/// Whether a PCI device can be reached, as its driver is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelState {
    /// It works.
    Normal,
    /// It is blocked, and may come back.
    Frozen,
    /// It is lost.
    PermanentFailure,
}

impl ChannelState {
    pub(super) fn from_raw(raw: bindings::pci_channel_state_t) -> Self {
        match raw {
            bindings::pci_channel_io_frozen => Self::Frozen,
            bindings::pci_channel_io_perm_failure => Self::PermanentFailure,
            // Zero, before anybody has set it, means the same.
            _ => Self::Normal,
        }
    }

    pub(super) fn into_raw(self) -> bindings::pci_channel_state_t {
        match self {
            Self::Normal => bindings::pci_channel_io_normal,
            Self::Frozen => bindings::pci_channel_io_frozen,
            Self::PermanentFailure => bindings::pci_channel_io_perm_failure,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Frozen => "frozen",
            Self::PermanentFailure => "permanent-failure",
        }
    }
}

/// What a driver wants done about an error, or how the recovery has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErsResult {
    /// No opinion.
    None,
    /// It may recover without a reset.
    CanRecover,
    /// It needs a reset.
    NeedReset,
    /// It gives up.
    Disconnect,
    /// It has recovered.
    Recovered,
}

impl ErsResult {
    fn from_raw(raw: bindings::pci_ers_result_t) -> Self {
        match raw {
            bindings::pci_ers_result_PCI_ERS_RESULT_NONE => Self::None,
            bindings::pci_ers_result_PCI_ERS_RESULT_CAN_RECOVER => Self::CanRecover,
            bindings::pci_ers_result_PCI_ERS_RESULT_NEED_RESET => Self::NeedReset,
            bindings::pci_ers_result_PCI_ERS_RESULT_RECOVERED => Self::Recovered,
            // All other answers end the recovery.
            _ => Self::Disconnect,
        }
    }

    pub(super) fn into_raw(self) -> bindings::pci_ers_result_t {
        match self {
            Self::None => bindings::pci_ers_result_PCI_ERS_RESULT_NONE,
            Self::CanRecover => bindings::pci_ers_result_PCI_ERS_RESULT_CAN_RECOVER,
            Self::NeedReset => bindings::pci_ers_result_PCI_ERS_RESULT_NEED_RESET,
            Self::Disconnect => bindings::pci_ers_result_PCI_ERS_RESULT_DISCONNECT,
            Self::Recovered => bindings::pci_ers_result_PCI_ERS_RESULT_RECOVERED,
        }
    }
}

/// Sets the channel state of a PCI device.
pub(super) fn write_channel_state(pdev: &pci::Device, state: ChannelState) {
    // SAFETY: The device is valid; the state is written at once.
    unsafe { (&raw mut (*pci_as_raw(pdev)).error_state).write_volatile(state.into_raw()) };
}

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
            callback(self.raw_pdev(), self.device.channel_state().into_raw())
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

    /// Tells the driver that its device is going to be reset on somebody's demand.
    pub fn reset_prepare(&self) {
        self.tell(self.handlers().and_then(|h| h.reset_prepare));
    }

    /// Tells the driver that a reset on somebody's demand is over.
    pub fn reset_done(&self) {
        self.tell(self.handlers().and_then(|h| h.reset_done));
    }
}
