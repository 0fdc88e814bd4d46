// SPDX-License-Identifier: GPL-2.0-only

//! The locks of a function, as values that only exist while they are held.

use super::{
    driver::pci_as_raw,
    trace,
    ChannelState,
    Device,
    Driver,
    Function,
    FunctionHandle,
    State, //
};
use crate::{
    bindings,
    error::to_result,
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        lock::{
            mutex::MutexBackend,
            Guard, //
        },
        ArcBorrow, //
    }, //
};

/// `state_lock` of a function, held.
///
/// What changes the state of a function towards the platform is a method of this guard.
#[must_use = "the lock is released immediately when the guard is unused"]
pub struct StateGuard<'a> {
    zdev: &'a Device,
    _guard: Guard<'a, (), MutexBackend>,
}

impl<'a> StateGuard<'a> {
    pub(super) fn new(zdev: &'a Device, guard: Guard<'a, (), MutexBackend>) -> Self {
        Self {
            zdev,
            _guard: guard,
        }
    }

    /// Returns the function that is locked.
    pub fn zdev(&self) -> &'a Device {
        self.zdev
    }

    /// Sets the function's state. One that is reserved stays so, but by [`StateGuard::reappear`].
    pub fn set_state(&self, state: State) {
        if self.zdev.state() != State::Reserved {
            self.write_state(state);
        }
    }

    fn write_state(&self, state: State) {
        // SAFETY: The function is valid, and the lock that protects the field is held.
        unsafe { (&raw mut (*self.zdev.as_raw()).state).write_volatile(state.into_raw()) };
    }

    /// Asks the platform for the function's handle; 0 if it knows no such function.
    ///
    /// # Errors
    ///
    /// Those of the query.
    pub fn query_fh(&self) -> Result<FunctionHandle> {
        let mut handle = 0;

        // SAFETY: The pointer is to a local that is written to at most during the call.
        to_result(unsafe { bindings::clp_refresh_fh(self.zdev.fid().as_raw(), &raw mut handle) })?;
        Ok(FunctionHandle::new(handle))
    }

    /// Makes a new handle known to everything that uses it.
    pub fn update_fh(&self, handle: FunctionHandle) {
        // SAFETY: The function is valid and its lock is held.
        unsafe { bindings::zpci_update_fh(self.zdev.as_raw(), handle.as_raw()) };
    }

    /// Returns the PCI device of the function, if it has one now.
    pub fn pdev(&self) -> Option<ARef<pci::Device>> {
        self.zdev.pdev()
    }

    /// Takes the lock of the function's PCI device if it is free.
    ///
    /// It cannot be waited for here: who holds it may be waiting for user space to let the
    /// function go, for which user space may need `state_lock`. Call
    /// [`StateGuard::wait_for_device`], and begin again.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{pci, zpci};
    ///
    /// /// Runs `f` with both locks of a function held.
    /// fn with_locks(zdev: &zpci::Device, f: impl FnOnce(&zpci::DeviceGuard<'_>)) {
    ///     loop {
    ///         let state = zdev.lock_state();
    ///         let Some(pdev) = state.pdev() else { return };
    ///
    ///         if let Some(device) = state.try_lock_device(&pdev) {
    ///             return f(&device);
    ///         }
    ///         state.wait_for_device(&pdev);
    ///     }
    /// }
    /// ```
    ///
    /// The other order does not compile, because nothing but a [`StateGuard`] gives a
    /// [`DeviceGuard`], which borrows it. Neither does waiting without letting the function go.
    pub fn try_lock_device<'s>(&'s self, pdev: &'s pci::Device) -> Option<DeviceGuard<'s>> {
        // SAFETY: The PCI device is valid, and with it the `struct device` in it.
        let locked = unsafe { bindings::device_trylock(&raw mut (*pci_as_raw(pdev)).dev) };

        if locked == 0 {
            return None;
        }
        // INVARIANT: The lock has just been taken.
        Some(DeviceGuard { state: self, pdev })
    }

    /// Lets the function go, and sleeps until the lock of its PCI device is free.
    pub fn wait_for_device(self, pdev: &pci::Device) {
        let dev = pci_as_raw(pdev);

        drop(self);
        // SAFETY: The PCI device is valid, and with it the `struct device` in it.
        unsafe { bindings::device_lock(&raw mut (*dev).dev) };
        // SAFETY: The lock was just taken.
        unsafe { bindings::device_unlock(&raw mut (*dev).dev) };
    }

    /// Makes a function accessible again that the platform has blocked. DMA stays blocked.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the platform refuses.
    #[inline(never)]
    pub fn unblock_load_store(&self) -> Result {
        // SAFETY: The function is valid and its lock is held.
        let cc = unsafe { bindings::zpci_reset_load_store_blocked(self.zdev.as_raw()) };

        if cc != 0 {
            return Err(EIO);
        }
        Ok(())
    }

    /// Ends the error state of a function: DMA works again.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the platform refuses.
    #[inline(never)]
    pub fn clear_error(&self) -> Result {
        // SAFETY: The function is valid and its lock is held.
        let cc = unsafe { bindings::zpci_clear_error_state(self.zdev.as_raw()) };

        if cc != 0 {
            return Err(EIO);
        }
        Ok(())
    }

    /// Makes the platform look at all DMA mappings again: where it keeps what it has looked up, a
    /// reset has emptied that, and mappings that are older would not be found.
    #[inline(never)]
    fn refresh_translations(&self) {
        let zdev = self.zdev.as_raw();
        let function = u64::from(self.zdev.fh().as_raw()) << 32;

        // SAFETY: The function is valid.
        if !unsafe { bindings::zpci_has_translation(zdev) } {
            return;
        }
        // SAFETY: The function is valid; its DMA range does not change while it is configured. If
        // this fails the function is in error again, and says so.
        unsafe {
            let start = (*zdev).start_dma;
            let size = (*zdev).end_dma.wrapping_sub(start).wrapping_add(1);

            bindings::zpci_refresh_trans(function, start, size);
        }
    }

    /// Disables the function.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the platform refuses, [`EINVAL`] if it was disabled already.
    #[inline(never)]
    pub fn disable(&self) -> Result {
        // SAFETY: The function is valid and its lock is held.
        to_result(unsafe { bindings::zpci_disable_device(self.zdev.as_raw()) })
    }

    /// Enables a configured function and gives it to the PCI core. May wait for a driver.
    ///
    /// # Errors
    ///
    /// Those of the platform, or [`ENODEV`] if the PCI core finds nothing.
    #[inline(never)]
    pub fn scan(&self, handle: FunctionHandle) -> Result {
        // SAFETY: The function is valid and its lock is held.
        to_result(unsafe {
            bindings::zpci_scan_configured_device(self.zdev.as_raw(), handle.as_raw())
        })
    }

    /// Takes the function from the PCI core and gives it back to the platform. Waits for its
    /// driver, and so possibly for user space.
    ///
    /// # Errors
    ///
    /// Those of the platform; the function then stays configured.
    #[inline(never)]
    pub fn deconfigure(&self) -> Result {
        // SAFETY: The function is valid and its lock is held.
        to_result(unsafe { bindings::zpci_deconfigure_device(self.zdev.as_raw()) })
    }

    /// Takes a function that is gone from the PCI core. Waits for its driver, and so possibly
    /// for user space.
    #[inline(never)]
    pub fn remove_dead(&self) {
        // SAFETY: The function is valid and its lock is held.
        unsafe { bindings::zpci_bus_remove_device(self.zdev.as_raw(), true) };
    }

    /// Notes that a function in standby belongs to somebody else now, and drops the platform's
    /// reference.
    #[inline(never)]
    pub fn reserve(&self) {
        if self.zdev.state() != State::Standby {
            return;
        }
        // SAFETY: The function is valid and its lock is held. The guard's own reference keeps it
        // alive.
        unsafe { bindings::zpci_device_reserved(self.zdev.as_raw()) };
    }

    /// Takes back a function that was reserved and has not been forgotten yet: it is in standby,
    /// and the platform has a reference again.
    #[inline(never)]
    pub fn reappear(&self) {
        if self.zdev.state() != State::Reserved {
            return;
        }
        self.write_state(State::Standby);
        // The reference that `reserve` drops.
        core::mem::forget(ARef::from(self.zdev));
    }
}

/// The lock of a PCI device, held together with `state_lock` of its function.
///
/// # Invariants
///
/// The lock of the `struct device` in `pdev` is held, by this guard.
#[must_use = "the lock is released immediately when the guard is unused"]
pub struct DeviceGuard<'a> {
    state: &'a StateGuard<'a>,
    pdev: &'a pci::Device,
}

impl Drop for DeviceGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant the lock is held by this guard.
        unsafe { bindings::device_unlock(&raw mut (*pci_as_raw(self.pdev)).dev) };
    }
}

impl<'a> DeviceGuard<'a> {
    /// Returns the guard of the function's `state_lock`.
    pub fn state(&self) -> &StateGuard<'a> {
        self.state
    }

    /// Returns the device that is locked.
    pub fn pdev(&self) -> &'a pci::Device {
        self.pdev
    }

    /// Returns the driver that is bound to the device.
    pub fn driver(&self) -> Option<Driver<'_>> {
        Driver::new(self)
    }

    /// Returns the channel state.
    pub fn channel_state(&self) -> ChannelState {
        super::channel_state(self.pdev)
    }

    /// Sets the channel state.
    pub fn set_channel_state(&self, state: ChannelState) {
        // SAFETY: The device is valid, and writers hold its lock.
        unsafe { (&raw mut (*pci_as_raw(self.pdev)).error_state).write_volatile(state.into_raw()) };
    }

    /// Resets the function through the platform: disables and enables it, and registers
    /// interruptions and DMA translation again, unconditionally. Nobody sets interruptions up
    /// meanwhile, or tears them down.
    ///
    /// # Errors
    ///
    /// Those of the platform; the function may then be disabled.
    #[inline(never)]
    pub fn hot_reset(&self) -> Result {
        self.disable_and_enable()?;
        self.state.refresh_translations();
        Ok(())
    }

    fn disable_and_enable(&self) -> Result {
        let zdev = self.state.zdev.as_raw();

        // SAFETY: The function and the device are valid, and `state_lock` is held.
        to_result(unsafe { bindings::zpci_reset_with_irqs(zdev, pci_as_raw(self.pdev)) })
    }

    /// Resets the function through the platform, and brings config space, interruptions and DMA
    /// translation back. Events that were submitted before are stale afterwards. The driver is
    /// told before and after it, and how it ended is reported.
    ///
    /// The channel state is [`ChannelState::Normal`] after success, and
    /// [`ChannelState::PermanentFailure`] otherwise.
    ///
    /// # Errors
    ///
    /// Those of the platform, or [`EIO`] if the function does not answer in spite of all.
    pub fn reset(&self, function: ArcBorrow<'_, Function>, config: Config) -> Result {
        let driver = self.driver();

        if let Some(driver) = &driver {
            driver.reset_prepare();
        }
        let result = self.reset_alone(&function, config);

        if let Some(driver) = &driver {
            driver.reset_done();
        }

        function.report_reset(self, result.is_ok());
        result
    }

    fn reset_alone(&self, function: &Function, config: Config) -> Result {
        let _config = ConfigGuard::new(self.pdev);
        let fid = self.state.zdev().fid();

        trace::reset_begin(fid);
        let result = self.reset_and_restore(function, config);

        trace::reset_end(fid, result);
        if result.is_err() {
            self.set_channel_state(ChannelState::PermanentFailure);
        }
        result
    }

    fn reset_and_restore(&self, function: &Function, config: Config) -> Result {
        let pdev = pci_as_raw(self.pdev);

        // Config space of a device that is marked as lost cannot be accessed.
        self.set_channel_state(ChannelState::Frozen);
        if self.is_accessible_or_unblocked() {
            if config == Config::Kept {
                // SAFETY: The device is valid and its lock is held.
                unsafe { bindings::pci_save_state(pdev) };
            }
            self.stop();
        }
        function.note_reset();
        self.disable_and_enable()?;
        self.set_channel_state(ChannelState::Normal);
        // Where the platform does not reset its inside, the device would go on with what it did.
        self.stop();
        if self.has_function_level_reset() {
            // SAFETY: The device is valid and its lock is held.
            to_result(unsafe { bindings::pcie_reset_flr(pdev, false) })?;
        }
        // Now, as for a device with ATS the FLR has registered DMA translation once more.
        self.state.refresh_translations();
        // SAFETY: The device is valid and its lock is held.
        unsafe { bindings::pci_restore_state(pdev) };
        if !super::config_accessible(self.pdev) {
            return Err(EIO);
        }
        Ok(())
    }

    /// Whether config space is accessible, or can be made so: what was in it before an error is
    /// there behind the block.
    fn is_accessible_or_unblocked(&self) -> bool {
        super::config_accessible(self.pdev)
            || (self.state.zdev().fh().is_enabled()
                && self.state.unblock_load_store().is_ok()
                && super::config_accessible(self.pdev))
    }

    /// Keeps the device from accessing memory and from interrupting.
    fn stop(&self) {
        // SAFETY: The device is valid and its lock is held. CAST: Registers are numbered below
        // 256, and the Command register has 16 bits.
        unsafe {
            bindings::pci_write_config_word(
                pci_as_raw(self.pdev),
                bindings::PCI_COMMAND as crate::ffi::c_int,
                bindings::PCI_COMMAND_INTX_DISABLE as u16,
            )
        };
    }

    fn has_function_level_reset(&self) -> bool {
        // SAFETY: The device is valid and its lock is held. Probing resets nothing.
        unsafe { bindings::pcie_reset_flr(pci_as_raw(self.pdev), true) == 0 }
    }
}

/// Where config space is to be taken from after a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Config {
    /// It is to be as it is now.
    Kept,
    /// It is to be as it was when last saved: what is there now is an earlier owner's.
    Saved,
}

/// Config space of a device, out of reach of user space.
///
/// # Invariants
///
/// Access is locked, by this guard.
struct ConfigGuard<'a>(&'a pci::Device);

impl<'a> ConfigGuard<'a> {
    fn new(pdev: &'a pci::Device) -> Self {
        // SAFETY: The device is valid.
        unsafe { bindings::pci_cfg_access_lock(pci_as_raw(pdev)) };
        // INVARIANT: Just locked.
        Self(pdev)
    }
}

impl Drop for ConfigGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant access is locked by this guard.
        unsafe { bindings::pci_cfg_access_unlock(pci_as_raw(self.0)) };
    }
}
