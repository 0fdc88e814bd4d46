// SPDX-License-Identifier: GPL-2.0-only

//! The locks of a function, as values that exist only while the locks are held.
//!
//! An operation that needs a lock is a method of the lock's guard, so code without the lock does
//! not compile.

use super::{
    checked,
    debug,
    pci::{
        pci_as_raw,
        write_channel_state, //
    },
    ChannelState,
    Device,
    Driver,
    FunctionHandle,
    State, //
};
use crate::{
    bindings,
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        lock::{
            mutex::MutexBackend,
            Guard, //
        }, //
    }, //
};
use core::{
    marker::PhantomData,
    ops::Deref, //
};

/// Turns the condition code of an instruction into a result.
fn accepted(cc: c_int) -> Result {
    match cc {
        0 => Ok(()),
        _ => Err(EIO),
    }
}

/// Guard of a function's `state_lock`.
///
/// The methods change the function's state in the platform, which needs this lock.
#[must_use = "the lock is released immediately when the guard is unused"]
pub struct StateGuard<'a> {
    zdev: &'a Device,
    _guard: Guard<'a, (), MutexBackend>,
}

impl<'a> StateGuard<'a> {
    /// Returns the locked function.
    pub fn zdev(&self) -> &'a Device {
        self.zdev
    }

    /// Sets the function's state. Only [`StateGuard::reappear`] changes the state of a reserved
    /// function.
    pub fn set_state(&self, state: State) {
        if self.zdev.state() != State::Reserved {
            self.write_state(state);
        }
    }

    fn write_state(&self, state: State) {
        // CAST: The number comes from the C enumeration.
        // SAFETY: The function is valid, and the lock that protects the field is held.
        unsafe {
            (&raw mut (*self.zdev.as_raw()).state).write_volatile(state as bindings::zpci_state)
        };
    }

    /// Asks the platform for the function's handle.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the platform has no such function, or those of the query.
    pub fn query_fh(&self) -> Result<FunctionHandle> {
        let mut handle = 0;

        // SAFETY: The pointer is to a local variable, which is written only during the call.
        checked(unsafe { bindings::clp_refresh_fh(self.zdev.fid().as_raw(), &raw mut handle) })?;
        Ok(FunctionHandle::new(handle))
    }

    /// Sets the function's handle, in all places that have a copy of it.
    pub fn update_fh(&self, handle: FunctionHandle) {
        // SAFETY: The function is valid and its lock is held.
        unsafe { bindings::zpci_update_fh(self.zdev.as_raw(), handle.as_raw()) };
    }

    /// Makes a guard of both locks, of which the caller holds the PCI device's and releases it
    /// later; [`None`] if the function has no PCI device.
    ///
    /// # Safety
    ///
    /// The caller must hold the PCI device's lock for as long as the guard exists, or the
    /// [`DeviceLock`] made from the guard.
    pub unsafe fn with_locked_device(self) -> Option<DeviceGuard<'a>> {
        // INVARIANT: By the caller's promise the lock is held.
        let device = DeviceLock {
            pdev: self.zdev.pdev()?,
            release: false,
            _not_send: PhantomData,
        };

        Some(DeviceGuard {
            device,
            state: self,
        })
    }

    /// Unblocks the registers of a function in error. DMA stays blocked.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the platform refuses.
    pub fn unblock_load_store(&self) -> Result {
        // SAFETY: The function is valid and its lock is held.
        let cc = unsafe { bindings::zpci_reset_load_store_blocked(self.zdev.as_raw()) };

        accepted(cc)
    }

    /// Disables the function.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the platform refuses, [`EINVAL`] if it was disabled already.
    pub fn disable(&self) -> Result {
        // SAFETY: The function is valid and its lock is held.
        checked(unsafe { bindings::zpci_disable_device(self.zdev.as_raw()) })
    }

    /// Enables a configured function and gives it to the PCI core. May wait for a driver.
    ///
    /// # Errors
    ///
    /// Those of the platform, or [`ENODEV`] if the PCI core finds no device.
    pub fn scan(&self) -> Result {
        let handle = self.zdev.fh().as_raw();

        // SAFETY: The function is valid and its lock is held.
        checked(unsafe { bindings::zpci_scan_configured_device(self.zdev.as_raw(), handle) })
    }

    /// Removes the function's PCI device, and gives the function back to the platform. Waits for
    /// the driver, which may wait for user space.
    ///
    /// # Errors
    ///
    /// Those of the platform; the function then stays configured.
    pub fn deconfigure(&self) -> Result {
        // SAFETY: The function is valid and its lock is held.
        checked(unsafe { bindings::zpci_deconfigure_device(self.zdev.as_raw()) })
    }

    /// Removes the PCI device of a function that is gone. Waits for the driver, which may wait for
    /// user space.
    pub fn remove(&self) {
        // SAFETY: The function is valid and its lock is held.
        unsafe { bindings::zpci_bus_remove_device(self.zdev.as_raw(), true) };
    }

    /// Notes that a function in standby belongs to another system now, and drops the platform's
    /// reference.
    pub fn reserve(&self) {
        if self.zdev.state() != State::Standby {
            return;
        }
        // SAFETY: The function is valid and its lock is held. The guard holds another reference to
        // the function.
        unsafe { bindings::zpci_device_reserved(self.zdev.as_raw()) };
    }

    /// Takes back a function that was reserved and still has references: sets its state to standby,
    /// and takes a reference for the platform.
    pub fn reappear(&self) {
        if self.zdev.state() != State::Reserved {
            return;
        }
        self.write_state(State::Standby);
        // `reserve` drops this reference.
        core::mem::forget(ARef::from(self.zdev));
        debug::reappeared(self.zdev);
    }
}

/// The locks of a function that could be taken without waiting.
pub enum Locks<'a> {
    /// Both locks are held.
    Both(DeviceGuard<'a>),
    /// Only `state_lock` is held: the function has no PCI device.
    State(StateGuard<'a>),
}

impl Device {
    /// Takes `state_lock` if it is free.
    pub fn try_lock_state(&self) -> Option<StateGuard<'_>> {
        Some(StateGuard {
            zdev: self,
            _guard: self.state_lock().try_lock()?,
        })
    }

    /// Tries to take `state_lock`, and the lock of the function's PCI device if there is one;
    /// [`None`] if one of them is held.
    ///
    /// Neither is waited for: the holder of the device's lock may wait until user space lets the
    /// function go, for which user space may need `state_lock`. A caller that finds either of them
    /// held lets both go and tries again later:
    ///
    /// ```
    /// use kernel::zpci::{ChannelState, Device, Locks};
    ///
    /// fn freeze(zdev: &Device) -> Option<()> {
    ///     match zdev.try_lock()? {
    ///         Locks::Both(device) => device.set_channel_state(ChannelState::Frozen),
    ///         Locks::State(_) => (),
    ///     }
    ///     Some(())
    /// }
    /// ```
    ///
    /// The other order does not compile: only this function takes a [`DeviceGuard`].
    // Not inlined: there are several callers.
    #[inline(never)]
    pub fn try_lock(&self) -> Option<Locks<'_>> {
        let state = self.try_lock_state()?;
        let Some(pdev) = self.pdev() else {
            return Some(Locks::State(state));
        };

        // SAFETY: The PCI device is valid.
        if unsafe { bindings::pci_dev_trylock(pci_as_raw(&pdev)) } == 0 {
            return None;
        }
        Some(Locks::Both(DeviceGuard {
            // INVARIANT: The lock has just been taken, and `drop` will release it.
            device: DeviceLock {
                pdev,
                release: true,
                _not_send: PhantomData,
            },
            state,
        }))
    }

    /// Tries to take both locks, as [`Device::try_lock`]; [`None`] if one of them is held.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the function has no PCI device, or is being taken away: the remover waits with
    /// the lock held until the caller lets the function go.
    pub fn try_lock_both(&self) -> Option<Result<DeviceGuard<'_>>> {
        if self.state() != State::Configured || self.is_gone() {
            return Some(Err(ENODEV));
        }
        Some(match self.try_lock()? {
            Locks::Both(device) => Ok(device),
            Locks::State(_) => Err(ENODEV),
        })
    }
}

/// Guard of a PCI device's lock. User space cannot access config space meanwhile.
///
/// # Invariants
///
/// `pci_dev_lock()` is held: by this guard if it is to `release` the lock, and otherwise by a
/// caller that outlives the guard.
#[must_use = "the lock is released immediately when the guard is unused"]
pub struct DeviceLock {
    pdev: ARef<pci::Device>,
    release: bool,
    // Not `Send`: the thread that has locked the two mutexes of `pci_dev_lock()` must unlock them.
    _not_send: PhantomData<*mut ()>,
}

impl Drop for DeviceLock {
    #[inline]
    fn drop(&mut self) {
        if self.release {
            // SAFETY: By the type invariant the lock is held by this guard.
            unsafe { bindings::pci_dev_unlock(pci_as_raw(&self.pdev)) };
        }
    }
}

impl DeviceLock {
    /// Returns the locked device.
    pub fn pdev(&self) -> &pci::Device {
        &self.pdev
    }

    /// Returns the driver of the device.
    pub fn driver(&self) -> Option<Driver<'_>> {
        Driver::new(self)
    }

    /// Returns the channel state.
    pub fn channel_state(&self) -> ChannelState {
        super::channel_state(&self.pdev)
    }

    /// Sets the channel state. A function that the platform has taken away stays in
    /// [`ChannelState::PermanentFailure`]: otherwise a reset would wait a minute for its device.
    // Not inlined: a reset calls this at several places.
    #[inline(never)]
    pub fn set_channel_state(&self, state: ChannelState) {
        write_channel_state(&self.pdev, state);
        if Device::of(&self.pdev).is_gone() {
            write_channel_state(&self.pdev, ChannelState::PermanentFailure);
        }
    }
}

/// Guard of a PCI device's lock and of its function's `state_lock`.
#[must_use = "the locks are released immediately when the guard is unused"]
pub struct DeviceGuard<'a> {
    // Rust drops fields in this order, so the inner lock is released first.
    device: DeviceLock,
    state: StateGuard<'a>,
}

impl Deref for DeviceGuard<'_> {
    type Target = DeviceLock;

    #[inline]
    fn deref(&self) -> &DeviceLock {
        &self.device
    }
}

impl<'a> DeviceGuard<'a> {
    /// Returns the guard of `state_lock`.
    pub fn state(&self) -> &StateGuard<'a> {
        &self.state
    }

    /// Releases `state_lock`, and keeps the lock of the device.
    pub fn into_device(self) -> DeviceLock {
        self.device
    }

    /// Ends the error state of a function whose registers can be accessed again, so that its DMA
    /// works again.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the platform refuses.
    pub fn end_error(&self) -> Result {
        let zdev = self.state.zdev.as_raw();

        // Register DMA translation again: while the function was in error, Linux could not tell the
        // platform of mapped or unmapped memory, and the device would use old translations. SAFETY:
        // The function is valid.
        checked(unsafe { bindings::zpci_iommu_refresh(zdev) })?;
        // SAFETY: The function is valid, and `state_lock` is held.
        accepted(unsafe { bindings::zpci_clear_error_state(zdev) })?;
        self.set_channel_state(ChannelState::Normal);
        Ok(())
    }

    /// Resets the function through the platform: disables and enables the function, and registers
    /// interruptions, DMA translation and measurement again. Config space may have the values of
    /// power-on afterwards.
    ///
    /// # Errors
    ///
    /// Those of the platform; the function may then be disabled.
    pub fn hot_reset(&self) -> Result {
        // SAFETY: The function is valid, and `state_lock` is held.
        checked(unsafe { bindings::zpci_hot_reset_device(self.state.zdev.as_raw()) })
    }
}
