// SPDX-License-Identifier: GPL-2.0-only

//! The reset of a function through the platform.
//!
//! There is one procedure, [`Device::reset_slot`]. The PCI core calls it as the reset of the
//! function's slot: for an administrator, for an owner that resets its whole bus, and when vfio
//! opens and closes a function. For a function in error [`DeviceGuard::reset`] does the same, and
//! adds the steps that the PCI core does around the reset of a slot, because the PCI core may find
//! no way to reset the function.
//!
//! The platform's reset disables and enables the function, and may leave **the device itself** as
//! it is: its registers and its work in progress. If so, the PCI core resets the device itself
//! afterwards, for example by a function-level reset (FLR).
//!
//! # Examples
//!
//! Reset a function that is in error.
//!
//! ```
//! use kernel::{prelude::*, zpci::{self, patiently, Device, Restore}};
//!
//! fn reset_if_in_error(zdev: &Device) -> Result {
//!     let device = patiently(|| zdev.try_lock_both())?;
//!
//!     if zpci::is_in_error(device.pdev()) {
//!         device.reset(Restore::Current)?;
//!     }
//!     Ok(())
//! }
//! ```

use super::{
    checked,
    pci::{
        command,
        config_accessible,
        pci_as_raw, //
    },
    trace,
    ChannelState,
    Device,
    DeviceGuard,
    DeviceLock,
    Recovery,
    State, //
};
use crate::{
    bindings,
    prelude::*,
    sync::atomic::Relaxed,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// Pauses before another attempt. A pause is as long as all earlier pauses together, but at least
/// 50 microseconds and at most 10 milliseconds. Fails after pauses of a second in all.
///
/// More than a second would not help: a thread that keeps the device lock or `state_lock` for so
/// long is waiting until user space closes the function, and user space cannot close the function
/// before the caller returns.
// Not inlined: the compiler copies `patiently` for each kind of attempt, and would copy this code,
// too.
#[inline(never)]
fn pause(waited: &mut Delta) -> Result {
    if *waited >= Delta::from_secs(1) {
        return Err(EAGAIN);
    }
    let pause = (*waited).clamp(Delta::from_micros(50), Delta::from_millis(10));

    fsleep(pause);
    *waited += pause;
    Ok(())
}

/// Repeats an attempt while it returns [`None`] because the function is busy, for a second at most.
/// May sleep.
///
/// # Errors
///
/// [`EAGAIN`] if the function stays busy, or an error of the attempt.
#[inline]
pub fn patiently<R>(mut attempt: impl FnMut() -> Option<Result<R>>) -> Result<R> {
    let mut waited = Delta::ZERO;

    loop {
        if let Some(result) = attempt() {
            return result;
        }
        pause(&mut waited)?;
    }
}

/// The content of config space that a reset restores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore {
    /// The content that config space has just before the reset.
    Current,
    /// The copy of config space that the kernel has saved last, for example when the function was
    /// opened. The reset does not save the present content: an owner that has closed the function
    /// has written it, and the next owner must not get it.
    LastSaved,
}

const COMMAND: c_int = bindings::PCI_COMMAND as c_int;
/// The value of the Command register that stops a device's DMA and its INTx interrupts.
// CAST: The Command register has 16 bits.
const STOP: u16 = bindings::PCI_COMMAND_INTX_DISABLE as u16;
/// The bits of the Command register that let a device be accessed, and let it do DMA.
// CAST: The Command register has 16 bits.
const ACCESS: u16 =
    (bindings::PCI_COMMAND_IO | bindings::PCI_COMMAND_MEMORY | bindings::PCI_COMMAND_MASTER) as u16;

impl DeviceLock {
    fn command(&self) -> Option<u16> {
        command(self.pdev())
    }

    fn write_command(&self, command: u16) {
        // SAFETY: The PCI device is valid, and the device lock is held, both by the type invariant.
        unsafe { bindings::pci_write_config_word(pci_as_raw(self.pdev()), COMMAND, command) };
    }

    /// Whether the PCI core, or vfio, has saved config space for the reset that is going on, and
    /// will restore it afterwards.
    fn is_saved(&self) -> bool {
        // SAFETY: The PCI device is valid, and the device lock is held, both by the type invariant.
        unsafe { (*pci_as_raw(self.pdev())).state_saved() != 0 }
    }

    /// Returns the Command register's value in the saved copy of config space.
    fn saved_command(&self) -> u16 {
        // SAFETY: The PCI device is valid, and the device lock is held, both by the type invariant.
        let word = unsafe {
            (*pci_as_raw(self.pdev())).saved_config_space[bindings::PCI_COMMAND as usize / 4]
        };

        // CAST: The register is in the word's lower half.
        word as u16
    }

    /// Saves config space.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`]; [`EIO`] if the platform blocks the function meanwhile, so that all ones are
    /// read. After either error the earlier saved copy is still in place.
    fn save(&self) -> Result {
        let pdev = pci_as_raw(self.pdev());

        // SAFETY: The PCI device is valid, and the device lock is held, both by the type invariant.
        let mut before = unsafe {
            (*pdev).set_state_saved(true.into());
            bindings::pci_store_saved_state(pdev)
        };

        if before.is_null() {
            // Do not save config space without a duplicate of the earlier saved copy: if all ones
            // were saved, there would be nothing to put back.
            return Err(ENOMEM);
        }
        // SAFETY: The PCI device is valid, and the device lock is held, both by the type invariant.
        unsafe { bindings::pci_save_state(pdev) };
        if config_accessible(self.pdev()) {
            // SAFETY: `before` was allocated by `pci_store_saved_state()` above, and nobody else
            // has a pointer to it.
            unsafe { bindings::kfree(before.cast()) };
            return Ok(());
        }
        // SAFETY: `pdev` is valid, the device lock is held, and `before` is a copy of the same
        // device's config space. `pci_load_and_free_saved_state()` frees the copy, and it is not
        // used again.
        unsafe { bindings::pci_load_and_free_saved_state(pdev, &raw mut before) };
        Err(EIO)
    }

    /// Resets the device itself, unless the platform has done so, and then restores config space,
    /// which allows DMA again. May sleep for as long as the device needs.
    ///
    /// # Errors
    ///
    /// Those of the PCI core, or [`EIO`] if the function still does not answer, or has lost its
    /// interrupts.
    fn finish(&self, inside_is_reset: bool) -> Result {
        let pdev = pci_as_raw(self.pdev());

        if !inside_is_reset {
            // Stop DMA: the platform has enabled the function again, and the device could write to
            // memory before the device itself is reset.
            self.write_command(STOP);
            // SAFETY: The PCI device is valid, and the device lock is held, both by the type
            // invariant.
            match checked(unsafe { bindings::__pci_reset_function_locked(pdev) }) {
                // Go on if the PCI core has no method to reset the device itself: the reset by the
                // platform must do.
                Err(error) if error == ENOTTY => (),
                result => result?,
            }
        }
        // SAFETY: The PCI device is valid, and the device lock is held, both by the type invariant.
        unsafe { bindings::pci_restore_state(pdev) };
        // Check the Command register and the interrupts: the platform may have refused to write
        // config space, and `pci_restore_state()` does not say so.
        match self.command() {
            Some(command)
                if (command ^ self.saved_command()) & ACCESS == 0 && self.has_interrupts() =>
            {
                Ok(())
            }
            _ => Err(EIO),
        }
    }

    /// Whether MSI-X is enabled and not masked in the function, if the kernel has enabled MSI-X.
    fn has_interrupts(&self) -> bool {
        let pdev = pci_as_raw(self.pdev());
        let mut control = 0;

        // SAFETY: The PCI device is valid, and the device lock is held, both by the type invariant.
        if unsafe { (*pdev).msix_enabled() } == 0 {
            return true;
        }
        // SAFETY: The PCI device is valid, and the device lock is held, both by the type invariant.
        // The pointer is to a local variable.
        unsafe {
            let at = c_int::from((*pdev).msix_cap) + bindings::PCI_MSIX_FLAGS as c_int;

            bindings::pci_read_config_word(pdev, at, &raw mut control);
        }
        u32::from(control) & (bindings::PCI_MSIX_FLAGS_ENABLE | bindings::PCI_MSIX_FLAGS_MASKALL)
            == bindings::PCI_MSIX_FLAGS_ENABLE
    }
}

impl DeviceGuard<'_> {
    fn reset_slot(&self, recovery: &Recovery) -> Result {
        let was_in_error = self.enter_error() != ChannelState::Normal;

        if self.is_saved() {
            recovery.is_saved.store(true, Relaxed);
        }
        let result = self.reset_by_platform(recovery).map(|_| ());

        if result.is_ok() {
            recovery.is_saved.store(false, Relaxed);
            recovery.note_reset();
        } else if !was_in_error && config_accessible(self.pdev()) {
            // Set the channel state to normal again: the reset has failed, but the function still
            // works, and nothing else would set the channel state.
            self.set_channel_state(ChannelState::Normal);
        }
        if was_in_error || self.channel_state() != ChannelState::Normal {
            self.state().zdev().report_end(self, result.is_ok());
        }
        result
    }

    /// If the channel state is still normal, notes that an error begins: no reset has changed
    /// config space since, so the next reset must save config space. Returns the channel state.
    pub fn enter_error(&self) -> ChannelState {
        let state = self.channel_state();

        if state == ChannelState::Normal {
            self.state()
                .zdev()
                .recovery()
                .is_saved
                .store(false, Relaxed);
        }
        state
    }

    /// Resets the function through the platform, which ends the error. Returns whether the platform
    /// is known to have reset the device itself, too.
    ///
    /// Saves config space before the reset, unless the copy that is saved already must be kept: a
    /// second attempt must not save what a failed attempt has changed.
    fn reset_by_platform(&self, recovery: &Recovery) -> Result<bool> {
        let fid = self.state().zdev().fid();

        trace::reset_begin(fid);
        let result = self.save_and_reset(recovery);

        trace::reset_end(fid, result.map(|_| ()));
        result
    }

    fn save_and_reset(&self, recovery: &Recovery) -> Result<bool> {
        // End a permanent failure first: the PCI core would refuse all accesses to config space.
        self.set_channel_state(ChannelState::Frozen);
        if self.unblocked_command().is_some() {
            if !recovery.is_saved.load(Relaxed) {
                self.save()?;
                recovery.is_saved.store(true, Relaxed);
            }
            // Stop the device's DMA and interrupts, or the device would go on with them when the
            // function is enabled again.
            self.write_command(STOP);
        }
        // Note whether the Command register has the value `STOP` before the reset. If the bit of
        // `STOP` is clear after the reset, the platform has reset the device itself, too.
        let is_marked = self.command() == Some(STOP);

        self.hot_reset()?;
        self.set_channel_state(ChannelState::Normal);
        Ok(is_marked && self.command().is_some_and(|command| command & STOP == 0))
    }

    /// Reads the Command register. If the function is blocked, unblocks it first; [`None`] if the
    /// platform refuses that.
    fn unblocked_command(&self) -> Option<u16> {
        self.command().or_else(|| {
            let state = self.state();

            if state.zdev().fh().is_enabled() && state.unblock_load_store().is_ok() {
                self.command()
            } else {
                None
            }
        })
    }

    /// Resets the function. Tells the driver before and after the reset, and reports the end of the
    /// reset.
    ///
    /// Releases `state_lock` before the PCI core resets the device itself, which can take seconds.
    /// Afterwards the channel state is [`ChannelState::Normal`], or
    /// [`ChannelState::PermanentFailure`] if the reset has failed.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the function does not answer after the reset, or errors of the platform and of
    /// the PCI core.
    pub fn reset(self, restore: Restore) -> Result {
        let zdev = self.state().zdev();
        let recovery = zdev.recovery();

        if let Some(driver) = self.driver() {
            driver.reset_prepare();
        }
        self.enter_error();
        if restore == Restore::LastSaved {
            recovery.is_saved.store(true, Relaxed);
        }
        let inside_is_reset = self.reset_by_platform(recovery);
        let device = self.into_device();

        let result = inside_is_reset.and_then(|inside_is_reset| {
            recovery.is_finishing.store(true, Relaxed);
            let result = device.finish(inside_is_reset);

            recovery.is_finishing.store(false, Relaxed);
            recovery.is_saved.store(result.is_err(), Relaxed);
            result
        });

        if result.is_err() {
            device.set_channel_state(ChannelState::PermanentFailure);
        }
        if let Some(driver) = device.driver() {
            driver.reset_done();
        }
        zdev.report_end(&device, result.is_ok());
        result
    }
}

impl Device {
    /// Saves config space. May sleep.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the function is in error, [`ENOMEM`], [`ENODEV`] if the function has no PCI
    /// device or is not configured, [`EAGAIN`] if the device lock or `state_lock` stays taken for a
    /// second. After each error the earlier saved copy is still in place.
    pub fn save_config_space(&self) -> Result {
        patiently(|| Some(self.try_lock_both()?.and_then(|device| device.save())))
    }

    /// Resets the function for the PCI core. The PCI core has saved config space, if config space
    /// could be read, and restores config space after this call, even if the reset fails. Reports
    /// the result if the function was in error or is in error afterwards. May sleep.
    ///
    /// # Errors
    ///
    /// Errors of the platform; [`EIO`] if the function is not configured, or gets blocked while
    /// config space is saved; [`EAGAIN`] if `state_lock` stays taken for a second; [`ENOTTY`] if
    /// [`DeviceGuard::reset`] has called the PCI core to reset the device itself: the PCI core then
    /// tries its next method.
    ///
    /// # Safety
    ///
    /// The caller must hold the device lock of the function's PCI device until this call returns.
    pub unsafe fn reset_slot(&self) -> Result {
        let recovery = self.recovery();

        if recovery.is_finishing.load(Relaxed) {
            return Err(ENOTTY);
        }
        // Only try `state_lock`: its holder may wait for the device lock, which the caller holds.
        let state = patiently(|| self.try_lock_state().map(Ok))?;

        if self.state() != State::Configured {
            return Err(EIO);
        }
        // SAFETY: By the caller's promise the device lock is held until this call returns, and
        // `device` lives no longer.
        let device = unsafe { state.with_locked_device() }.ok_or(ENODEV)?;

        device.reset_slot(recovery)
    }
}
