// SPDX-License-Identifier: GPL-2.0-only

//! The reset of a function through the platform.
//!
//! There is one procedure. The PCI core calls it as the reset of the function's slot,
//! [`Device::reset_slot`]: for an administrator, for an owner that resets its whole bus, and when
//! vfio opens and closes a function. [`Device::try_reset`] adds what the PCI core does around it,
//! for a function in error that the PCI core may find no way to reset.

use super::{
    driver::pci_as_raw,
    trace,
    ChannelState,
    Device,
    DeviceGuard,
    DeviceLock,
    DeviceLocking,
    ErsResult,
    Recovery,
    Report,
    State, //
};
use crate::{
    bindings,
    error::to_result,
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// How far the resets from one error have come with config space, so that another attempt takes
/// nothing for what the function was like before the error that the first attempt has left there.
///
/// Changed with the lock of the device held. An error begins with [`ConfigSpace::Untouched`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConfigSpace {
    /// It is as its owner has left it.
    Untouched,
    /// The Command register keeps the device from accessing memory. This is what it was.
    Stopped(u16),
    /// All of it is saved, with that Command register. A reset that succeeds restores it.
    Saved,
    /// The platform has reset the function, and the device itself is being reset.
    Finishing,
}

/// How long one waits for others to be done with a function. Who takes longer waits for user
/// space, which cannot let the function go before it is back from here.
const PATIENCE: Delta = Delta::from_secs(1);

/// The longest pause between two looks at whether they are done.
const PAUSE: Delta = Delta::from_millis(10);

/// Tries something until nobody else is busy with the function, a second at most. May sleep.
///
/// # Errors
///
/// [`EINTR`] if the caller is being killed, [`EAGAIN`] if others do not get done, or those of the
/// attempt.
pub fn patiently<R>(mut attempt: impl FnMut() -> Option<Result<R>>) -> Result<R> {
    let mut pause = Delta::from_micros(50);
    let mut waited = Delta::ZERO;

    loop {
        if let Some(result) = attempt() {
            return result;
        }
        if super::is_being_killed() {
            return Err(EINTR);
        }
        if waited >= PATIENCE {
            return Err(EAGAIN);
        }
        fsleep(pause);
        waited += pause;
        pause = core::cmp::min(pause + pause, PAUSE);
    }
}

/// Where config space is to be taken from after a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore {
    /// It is to be as it is now.
    Current,
    /// It is to be as it was when last saved: what is there now is an earlier owner's.
    LastSaved,
}

/// How a reset has ended that has not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// The function has been reset, and works.
    Done,
    /// It was not to be reset.
    NotNeeded,
}

const COMMAND: c_int = bindings::PCI_COMMAND as c_int;
// CAST: The Command register has 16 bits.
const STOP: u16 = bindings::PCI_COMMAND_INTX_DISABLE as u16;
// CAST: As above.
const ACCESS: u16 =
    (bindings::PCI_COMMAND_IO | bindings::PCI_COMMAND_MEMORY | bindings::PCI_COMMAND_MASTER) as u16;

impl DeviceLock {
    /// Reads the Command register; [`None`] if config space cannot be read.
    fn command(&self) -> Option<u16> {
        let mut command = 0;

        if !super::config_accessible(self.pdev()) {
            return None;
        }
        // SAFETY: The device is valid, and the pointer is to a local.
        unsafe {
            bindings::pci_read_config_word(pci_as_raw(self.pdev()), COMMAND, &raw mut command)
        };
        Some(command).filter(|&command| command != u16::MAX)
    }

    /// Keeps the device from accessing memory and from interrupting.
    fn stop(&self) {
        // SAFETY: The device is valid, and its lock is held.
        unsafe { bindings::pci_write_config_word(pci_as_raw(self.pdev()), COMMAND, STOP) };
    }

    /// Whether config space is saved, to be restored after the reset that is going on.
    fn is_saved(&self) -> bool {
        // SAFETY: The device is valid, and its lock is held.
        unsafe { (*pci_as_raw(self.pdev())).state_saved() != 0 }
    }

    fn set_saved(&self, saved: bool) {
        // SAFETY: The device is valid, and its lock is held.
        unsafe { (*pci_as_raw(self.pdev())).set_state_saved(saved.into()) };
    }

    /// Returns the Command register as it is saved.
    fn saved_command(&self) -> u16 {
        // SAFETY: The device is valid, and its lock is held.
        let word = unsafe {
            (*pci_as_raw(self.pdev())).saved_config_space[bindings::PCI_COMMAND as usize / 4]
        };

        // CAST: The register is in the word's lower half.
        word as u16
    }

    /// Saves config space of a device that is stopped, as it was with its old Command register.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the function got blocked meanwhile, and all ones were read. What was saved before
    /// is then as it was.
    fn save(&self, command: u16) -> Result {
        let pdev = pci_as_raw(self.pdev());

        self.set_saved(true);
        // SAFETY: The device is valid, and its lock is held. Null if there is no memory.
        let mut before = unsafe { bindings::pci_store_saved_state(pdev) };

        // SAFETY: As above.
        unsafe { bindings::pci_save_state(pdev) };
        // SAFETY: As above. The word has the Command register in its lower half.
        unsafe {
            let word = &mut (*pdev).saved_config_space[bindings::PCI_COMMAND as usize / 4];

            *word = *word & 0xffff_0000 | u32::from(command);
        }
        if super::config_accessible(self.pdev()) {
            // SAFETY: The copy is ours, and nobody else knows it.
            unsafe { bindings::kfree(before.cast()) };
            return Ok(());
        }
        // SAFETY: The device is valid, and the copy is of the same device.
        unsafe { bindings::pci_load_and_free_saved_state(pdev, &raw mut before) };
        self.set_saved(false);
        Err(EIO)
    }

    /// Resets what the platform has left as it was in the function, and restores config space.
    /// Only then the device accesses memory again. May sleep for as long as the device takes.
    ///
    /// # Errors
    ///
    /// Those of the PCI core, or [`EIO`] if the function does not answer in spite of all.
    fn finish(&self, inside: Inside) -> Result {
        let pdev = pci_as_raw(self.pdev());

        if inside == Inside::AsBefore {
            self.stop();
            // SAFETY: The device is valid, and its lock is held.
            match to_result(unsafe { bindings::__pci_reset_function_locked(pdev) }) {
                // There is no such reset.
                Err(error) if error == ENOTTY => (),
                result => result?,
            }
        }
        // SAFETY: The device is valid, and its lock is held.
        unsafe { bindings::pci_restore_state(pdev) };
        // The platform may have refused what was written.
        match self.command() {
            Some(command) if (command ^ self.saved_command()) & ACCESS == 0 => Ok(()),
            _ => Err(EIO),
        }
    }
}

/// What the platform has done to the inside of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    /// It is as after power-on.
    Reset,
    /// It is as before, as far as is known.
    AsBefore,
}

impl DeviceGuard<'_> {
    fn reset_slot(&self, recovery: &Recovery) -> Result {
        let was_in_error = self.was_in_error(recovery);

        if self.is_saved() && self.command().is_none() {
            self.distrust_saved(recovery);
        }
        let result = self.reset_by_platform(recovery).map(|_| ());

        if result.is_ok() {
            recovery.set_config_space(ConfigSpace::Untouched);
            recovery.is_in_order();
        } else if !was_in_error && super::config_accessible(self.pdev()) {
            // It works as before, and nobody would take it out of an error that it is not in.
            self.set_channel_state(ChannelState::Normal);
        }
        if was_in_error {
            self.state().zdev().report_reset(self, result.is_ok());
        }
        result
    }

    /// Returns whether the function is known to be in error. If not, an error may begin that has
    /// not been processed yet.
    fn was_in_error(&self, recovery: &Recovery) -> bool {
        let was_in_error = self.channel_state() != ChannelState::Normal;

        if !was_in_error {
            recovery.begin_error();
        }
        was_in_error
    }

    /// Notes that the function got blocked while the PCI core saved config space, or after that:
    /// all ones may have been read. The Command register comes first, and may have been stopped.
    fn distrust_saved(&self, recovery: &Recovery) {
        let command = self.saved_command();

        self.set_saved(false);
        if recovery.config_space() == ConfigSpace::Untouched && command != u16::MAX {
            recovery.set_config_space(ConfigSpace::Stopped(command));
        }
    }

    /// Resets the function through the platform. Its error state ends.
    ///
    /// Config space is saved before, unless it is saved already. Another attempt after a failure
    /// saves nothing more.
    fn reset_by_platform(&self, recovery: &Recovery) -> Result<Inside> {
        let fid = self.state().zdev().fid();

        trace::reset_begin(fid);
        let result = self.save_and_reset(recovery);

        trace::reset_end(fid, result.map(|_| ()));
        result
    }

    fn save_and_reset(&self, recovery: &Recovery) -> Result<Inside> {
        // Config space of a device that is marked as lost cannot be accessed.
        self.set_channel_state(ChannelState::Frozen);
        if let Some(command) = self.unblocked_command() {
            self.stop_and_save(recovery, command)?;
        }
        // What is read back tells whether the function has kept it over the reset.
        let is_marked = self.command() == Some(STOP);

        self.hot_reset()?;
        self.set_channel_state(ChannelState::Normal);
        Ok(match self.command() {
            Some(command) if is_marked && command & STOP == 0 => Inside::Reset,
            _ => Inside::AsBefore,
        })
    }

    /// Reads the Command register, which is there behind the block of a function in error; [`None`]
    /// if the platform does not unblock it.
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

    fn stop_and_save(&self, recovery: &Recovery, command: u16) -> Result {
        let command = match recovery.config_space() {
            ConfigSpace::Stopped(before) => before,
            ConfigSpace::Untouched | ConfigSpace::Saved | ConfigSpace::Finishing => command,
        };

        self.stop();
        if !self.is_saved() && recovery.config_space() != ConfigSpace::Saved {
            recovery.set_config_space(ConfigSpace::Stopped(command));
            self.save(command)?;
        }
        recovery.set_config_space(ConfigSpace::Saved);
        Ok(())
    }
}

impl Device {
    /// Resets the function for the PCI core, which has saved config space if it could, and
    /// restores it afterwards, whatever this returns. An error of the function ends, and that is
    /// reported. May sleep.
    ///
    /// # Errors
    ///
    /// Those of the platform; [`EIO`] if the function is not configured, or gets blocked while
    /// config space is saved; [`EAGAIN`] if others do not let go of `state_lock`; [`ENOTTY`] where
    /// [`Device::try_reset`] lets the PCI core reset what the platform has left as it was.
    ///
    /// # Safety
    ///
    /// The caller must hold the lock of the function's PCI device.
    pub unsafe fn reset_slot(&self) -> Result {
        let recovery = self.recovery()?;

        if recovery.config_space() == ConfigSpace::Finishing {
            return Err(ENOTTY);
        }
        // Its holder may wait for the caller.
        let state = patiently(|| self.try_lock_state().map(Ok))?;

        if self.state() != State::Configured {
            return Err(EIO);
        }
        // SAFETY: By the caller's promise.
        let device = unsafe { state.locked_device() }.ok_or(ENODEV)?;

        device.reset_slot(&recovery)
    }

    /// Resets the function if that `is_needed`, which is asked with both locks held. [`None`] if
    /// somebody else is busy with the function; neither lock is waited for, because its holder may
    /// wait for the caller. Its driver is told before and after, and how it has ended is reported.
    ///
    /// `state_lock` is not held while the device itself takes its time. The channel state is
    /// [`ChannelState::Normal`] after success, and [`ChannelState::PermanentFailure`] otherwise.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the function is not configured any more, [`EIO`] if it does not answer in
    /// spite of all, or those of the platform and of the PCI core.
    pub fn try_reset(
        &self,
        restore: Restore,
        is_needed: impl FnOnce(&DeviceLock) -> bool,
    ) -> Option<Result<Reset>> {
        let state = self.try_lock_state()?;
        let recovery = match self.recovery() {
            Ok(recovery) if self.state() == State::Configured && !self.is_gone() => recovery,
            _ => return Some(Err(ENODEV)),
        };
        let device = match state.lock_device() {
            DeviceLocking::Locked(device) => device,
            DeviceLocking::Busy => return None,
            DeviceLocking::NoDevice => return Some(Err(ENODEV)),
        };

        if !is_needed(&device) {
            return Some(Ok(Reset::NotNeeded));
        }
        if let Some(driver) = device.driver() {
            driver.reset_prepare();
        }
        device.was_in_error(&recovery);
        device.set_saved(restore == Restore::LastSaved);
        let inside = device.reset_by_platform(&recovery);
        let device = device.into_device();

        drop(state);
        let result = inside.and_then(|inside| {
            recovery.set_config_space(ConfigSpace::Finishing);
            let result = device.finish(inside);

            recovery.set_config_space(match result {
                Ok(()) => ConfigSpace::Untouched,
                Err(_) => ConfigSpace::Saved,
            });
            result
        });

        if result.is_err() {
            device.set_channel_state(ChannelState::PermanentFailure);
        }
        if let Some(driver) = device.driver() {
            driver.reset_done();
        }
        self.report_reset(&device, result.is_ok());
        Some(result.map(|()| Reset::Done))
    }

    fn report_reset(&self, device: &DeviceLock, recovered: bool) {
        let (uevent, status) = if recovered {
            (ErsResult::Recovered, c"success")
        } else {
            (ErsResult::Disconnect, c"failed (reset)")
        };

        self.report(
            Report::new()
                .device(device)
                .uevent(uevent)
                .platform(c"recovery", status),
        );
    }
}
