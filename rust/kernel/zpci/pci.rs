// SPDX-License-Identifier: GPL-2.0-only

//! A function's PCI device: its channel state, and whether its config space can be read.
//!
//! The channel state changes when the kernel processes an event. The platform blocks the function
//! earlier, before it reports the event: from then on config space reads as all ones. A function is
//! in error if its channel state is not normal, or its config space cannot be read.
//!
//! # Examples
//!
//! Log whether a function is in error.
//!
//! ```
//! use kernel::{pci, zpci};
//!
//! fn log_error(pdev: &pci::Device) {
//!     if zpci::is_in_error(pdev) {
//!         pr_info!("{}: in error\n", zpci::name(pdev));
//!     }
//! }
//! ```
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

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

/// The channel state of a PCI device tells drivers whether the device can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ChannelState {
    /// The device works.
    Normal = bindings::pci_channel_io_normal,
    /// The device is blocked, and can be recovered.
    Frozen = bindings::pci_channel_io_frozen,
    /// The device has failed for good.
    PermanentFailure = bindings::pci_channel_io_perm_failure,
}

impl ChannelState {
    fn from_raw(raw: bindings::pci_channel_state_t) -> Self {
        match raw {
            bindings::pci_channel_io_frozen => Self::Frozen,
            bindings::pci_channel_io_perm_failure => Self::PermanentFailure,
            // Zero, the value before anybody has set the channel state, means normal, too.
            _ => Self::Normal,
        }
    }

    pub(super) fn name(self) -> &'static CStr {
        match self {
            Self::Normal => c"normal",
            Self::Frozen => c"frozen",
            Self::PermanentFailure => c"permanent-failure",
        }
    }
}

/// A driver's answer to an error callback, or the result of a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ErsResult {
    /// The driver has no opinion.
    None = bindings::pci_ers_result_PCI_ERS_RESULT_NONE,
    /// The driver can recover without a reset.
    CanRecover = bindings::pci_ers_result_PCI_ERS_RESULT_CAN_RECOVER,
    /// The driver needs a reset.
    NeedReset = bindings::pci_ers_result_PCI_ERS_RESULT_NEED_RESET,
    /// The driver gives up.
    Disconnect = bindings::pci_ers_result_PCI_ERS_RESULT_DISCONNECT,
    /// The driver has recovered.
    Recovered = bindings::pci_ers_result_PCI_ERS_RESULT_RECOVERED,
}

impl ErsResult {
    // Not inlined: each of the callers would get a copy of the code.
    #[inline(never)]
    pub(super) fn from_raw(raw: bindings::pci_ers_result_t) -> Self {
        match raw {
            bindings::pci_ers_result_PCI_ERS_RESULT_NONE => Self::None,
            bindings::pci_ers_result_PCI_ERS_RESULT_CAN_RECOVER => Self::CanRecover,
            bindings::pci_ers_result_PCI_ERS_RESULT_NEED_RESET => Self::NeedReset,
            bindings::pci_ers_result_PCI_ERS_RESULT_RECOVERED => Self::Recovered,
            // An unknown answer counts as giving up, which ends the recovery.
            _ => Self::Disconnect,
        }
    }
}

/// Returns the name of a PCI device, like `0001:00:00.0`.
pub fn name(pdev: &pci::Device) -> &str {
    pdev.as_ref().name().to_str().unwrap_or("?")
}

/// Tells user space of a step of a recovery, by a uevent. Does nothing if the PCI device has been
/// removed.
pub fn uevent(pdev: &pci::Device, result: ErsResult) {
    let pdev = pci_as_raw(pdev);

    // SAFETY: The device is valid.
    if unsafe { bindings::device_is_registered(&raw mut (*pdev).dev) } {
        // SAFETY: The device is valid. CAST: [`ErsResult`] has the numbers of the C enumeration.
        unsafe { bindings::pci_uevent_ers(pdev, result as bindings::pci_ers_result_t) };
    }
}

/// Returns the channel state of a PCI device. While the caller holds the device lock, the channel
/// state changes only if the platform deconfigures the function.
pub fn channel_state(pdev: &pci::Device) -> ChannelState {
    // SAFETY: The device is valid. The channel state is read in one access, because another thread
    // may write it meanwhile.
    ChannelState::from_raw(unsafe { (&raw const (*pci_as_raw(pdev)).error_state).read_volatile() })
}

/// Sets the channel state of a PCI device.
pub(super) fn write_channel_state(pdev: &pci::Device, state: ChannelState) {
    // CAST: [`ChannelState`] has the numbers of the C enumeration.
    let raw = state as bindings::pci_channel_state_t;

    // SAFETY: The device is valid. The channel state is written in one access, because another
    // thread may read it meanwhile.
    unsafe { (&raw mut (*pci_as_raw(pdev)).error_state).write_volatile(raw) };
}

/// Reads the Command register of a PCI device; [`None`] if the platform has blocked the function,
/// because all of config space then reads as all ones.
///
/// The Status register is read with the Command register: both together are all ones only if the
/// function is blocked. The vendor and device IDs do not tell a blocked function: those of a
/// virtual function always read as all ones.
// Not inlined: each of the callers would get a copy of the code.
#[inline(never)]
pub(super) fn command(pdev: &pci::Device) -> Option<u16> {
    const COMMAND: c_int = bindings::PCI_COMMAND as c_int;
    let mut value = 0;

    // SAFETY: The device is valid, and the pointer is to a local variable. If the read fails, the
    // PCI core stores all ones there.
    unsafe { bindings::pci_read_config_dword(pci_as_raw(pdev), COMMAND, &raw mut value) };
    // CAST: The Command register is in the lower half of the value.
    (value != u32::MAX).then_some(value as u16)
}

/// Whether config space of a PCI device can be read.
pub fn config_accessible(pdev: &pci::Device) -> bool {
    command(pdev).is_some()
}

/// Whether a PCI device is in error: its channel state is not normal, or the platform has blocked
/// the function and the kernel has not processed the event of this error yet.
pub fn is_in_error(pdev: &pci::Device) -> bool {
    channel_state(pdev) != ChannelState::Normal || !config_accessible(pdev)
}

/// Resets a function that is not in error, by the reset methods of the PCI core.
///
/// # Errors
///
/// [`EAGAIN`] if the device lock is held already, or another error of the PCI core.
pub fn try_reset_function(pdev: &pci::Device) -> Result {
    // SAFETY: The device is valid.
    super::checked(unsafe { bindings::pci_try_reset_function(pci_as_raw(pdev)) })
}
