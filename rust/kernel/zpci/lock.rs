// SPDX-License-Identifier: GPL-2.0-only

//! Guards of a function's locks: values that exist only while the locks are held.
//!
//! An operation that needs a lock is a method of that lock's guard, so code that does not hold the
//! lock does not compile.

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

/// Turns the condition code of a PCI instruction into a [`Result`]: 0 means success, and any other
/// code becomes [`EIO`].
fn accepted(cc: c_int) -> Result {
    match cc {
        0 => Ok(()),
        _ => Err(EIO),
    }
}

/// Guard of a function's `state_lock`.
///
/// The methods of this guard change the function's state in the platform, which nobody may do
/// without `state_lock`.
#[must_use = "the lock is released immediately when the guard is unused"]
pub struct StateGuard<'a> {
    zdev: &'a Device,
    _guard: Guard<'a, (), MutexBackend>,
}

impl<'a> StateGuard<'a> {
    /// Returns the function whose `state_lock` is held.
    pub fn zdev(&self) -> &'a Device {
        self.zdev
    }

    /// Sets the function's state, unless the function is reserved: only [`StateGuard::reappear`]
    /// changes the state of a reserved function.
    pub fn set_state(&self, state: State) {
        if self.zdev.state() != State::Reserved {
            self.write_state(state);
        }
    }

    fn write_state(&self, state: State) {
        // CAST: [`State`] has the numbers of the C enumeration.
        // SAFETY: The function is valid, and `state_lock` is held, which protects the state.
        unsafe {
            (&raw mut (*self.zdev.as_raw()).state).write_volatile(state as bindings::zpci_state)
        };
    }

    /// Asks the platform for the function's handle.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the platform has no such function, or another error of the query.
    pub fn query_fh(&self) -> Result<FunctionHandle> {
        let mut handle = 0;

        // SAFETY: The pointer is to a local variable, which the callee writes only during the call.
        checked(unsafe { bindings::clp_refresh_fh(self.zdev.fid().as_raw(), &raw mut handle) })?;
        Ok(FunctionHandle::new(handle))
    }

    /// Sets the function's handle in the `zpci_dev` and in the table of its I/O mappings, which has
    /// a copy of the handle.
    pub fn update_fh(&self, handle: FunctionHandle) {
        // SAFETY: The function is valid, and `state_lock` is held.
        unsafe { bindings::zpci_update_fh(self.zdev.as_raw(), handle.as_raw()) };
    }

    /// Makes a guard of `state_lock` and the device lock, for a caller that has taken the device
    /// lock already and releases it later. Returns [`None`] if the function has no PCI device.
    ///
    /// # Safety
    ///
    /// The caller must hold the device lock for as long as the returned guard, or the
    /// [`DeviceLock`] made from that guard, exists.
    pub unsafe fn with_locked_device(self) -> Option<DeviceGuard<'a>> {
        // INVARIANT: By the caller's promise the caller holds the device lock for longer than this
        // guard exists.
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

    /// Unblocks config space and the BARs of a function that is in error. DMA of the function stays
    /// blocked.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the platform refuses.
    pub fn unblock_load_store(&self) -> Result {
        // SAFETY: The function is valid, and `state_lock` is held.
        let cc = unsafe { bindings::zpci_reset_load_store_blocked(self.zdev.as_raw()) };

        accepted(cc)
    }

    /// Disables the function.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the platform refuses, [`EINVAL`] if the function was disabled already.
    pub fn disable(&self) -> Result {
        // SAFETY: The function is valid, and `state_lock` is held.
        checked(unsafe { bindings::zpci_disable_device(self.zdev.as_raw()) })
    }

    /// Enables a configured function, and lets the PCI core make its PCI device. May wait until a
    /// driver has probed the PCI device.
    ///
    /// # Errors
    ///
    /// The errors of the platform, or [`ENODEV`] if the PCI core finds no PCI device.
    pub fn scan(&self) -> Result {
        let handle = self.zdev.fh().as_raw();

        // SAFETY: The function is valid, and `state_lock` is held.
        checked(unsafe { bindings::zpci_scan_configured_device(self.zdev.as_raw(), handle) })
    }

    /// Removes the function's PCI device, and gives the function back to the platform. Waits until
    /// the driver is unbound. A vfio driver waits until user space closes the function.
    ///
    /// # Errors
    ///
    /// The errors of the platform; the function then stays configured.
    pub fn deconfigure(&self) -> Result {
        // SAFETY: The function is valid, and `state_lock` is held.
        checked(unsafe { bindings::zpci_deconfigure_device(self.zdev.as_raw()) })
    }

    /// Removes the PCI device of a function that the platform has deconfigured. Waits until the
    /// driver is unbound. A vfio driver waits until user space closes the function.
    pub fn remove(&self) {
        // SAFETY: The function is valid, and `state_lock` is held.
        unsafe { bindings::zpci_bus_remove_device(self.zdev.as_raw(), true) };
    }

    /// Notes that a function in standby now belongs to another system. Releases the reference that
    /// Linux holds while the function belongs to this system.
    pub fn reserve(&self) {
        if self.zdev.state() != State::Standby {
            return;
        }
        // SAFETY: The function is valid, and `state_lock` is held. The guard borrows another
        // reference to the function, so the function is not freed during the call.
        unsafe { bindings::zpci_device_reserved(self.zdev.as_raw()) };
    }

    /// Takes back a function that was reserved while somebody still had a reference to it: sets the
    /// function's state to standby, and takes the reference that [`StateGuard::reserve`] has
    /// released.
    pub fn reappear(&self) {
        if self.zdev.state() != State::Reserved {
            return;
        }
        self.write_state(State::Standby);
        // Keep this reference until `reserve` releases it.
        core::mem::forget(ARef::from(self.zdev));
        debug::reappeared(self.zdev);
    }
}

/// The locks of a function that [`Device::try_lock`] has taken.
pub enum Locks<'a> {
    /// `state_lock` and the device lock are held.
    Both(DeviceGuard<'a>),
    /// Only `state_lock` is held, because the function has no PCI device.
    State(StateGuard<'a>),
}

impl Device {
    /// Takes `state_lock` if no thread holds it, and otherwise returns [`None`].
    pub fn try_lock_state(&self) -> Option<StateGuard<'_>> {
        Some(StateGuard {
            zdev: self,
            _guard: self.state_lock().try_lock()?,
        })
    }

    /// Tries to take `state_lock`, and the device lock if the function has a PCI device. Returns
    /// [`None`] if one of these locks is held already.
    ///
    /// Does not wait for either lock: the holder of the device lock may wait until user space
    /// closes the function, and closing may need `state_lock`. A caller that gets [`None`] holds
    /// neither lock, and tries again later.
    ///
    /// Code that takes the device lock before `state_lock` does not compile: among the functions
    /// that return a guard only `try_lock` takes the device lock, and takes `state_lock` first.
    ///
    /// # Examples
    ///
    /// Block the PCI device of a function, if there is one.
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
    // Not inlined: each of the callers would get a copy of the code.
    #[inline(never)]
    pub fn try_lock(&self) -> Option<Locks<'_>> {
        let state = self.try_lock_state()?;
        let Some(pdev) = self.pdev() else {
            return Some(Locks::State(state));
        };

        // SAFETY: The PCI device is valid, because `pdev` is a reference to it.
        if unsafe { bindings::pci_dev_trylock(pci_as_raw(&pdev)) } == 0 {
            return None;
        }
        Some(Locks::Both(DeviceGuard {
            // INVARIANT: `pci_dev_trylock()` has just taken the device lock, and `drop` releases
            // it.
            device: DeviceLock {
                pdev,
                release: true,
                _not_send: PhantomData,
            },
            state,
        }))
    }

    /// Tries to take `state_lock` and the device lock. Returns [`None`] if one of them is held
    /// already.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the function has no PCI device, or is not configured, or the platform has
    /// deconfigured it. Another try would fail, too: the thread that removes the PCI device holds
    /// the device lock until user space closes the function.
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

/// Guard of the device lock of a PCI device. While the guard exists, user space cannot access
/// config space.
///
/// # Invariants
///
/// The device lock (`pci_dev_lock()`) is held: by this guard if `release` is set, and otherwise by
/// a caller for longer than the guard exists.
#[must_use = "the lock is released immediately when the guard is unused"]
pub struct DeviceLock {
    pdev: ARef<pci::Device>,
    release: bool,
    // Not `Send`: the thread that has locked the mutex of `pci_dev_lock()` must unlock that mutex.
    _not_send: PhantomData<*mut ()>,
}

impl Drop for DeviceLock {
    #[inline]
    fn drop(&mut self) {
        if self.release {
            // SAFETY: By the type invariant this guard holds the device lock, because `release` is
            // set.
            unsafe { bindings::pci_dev_unlock(pci_as_raw(&self.pdev)) };
        }
    }
}

impl DeviceLock {
    /// Returns the PCI device whose lock is held.
    pub fn pdev(&self) -> &pci::Device {
        &self.pdev
    }

    /// Returns the driver of the PCI device, if one is bound.
    pub fn driver(&self) -> Option<Driver<'_>> {
        Driver::new(self)
    }

    /// Returns the channel state of the PCI device.
    pub fn channel_state(&self) -> ChannelState {
        super::channel_state(&self.pdev)
    }

    /// Sets the channel state of the PCI device. If the platform has deconfigured the function, the
    /// channel state becomes [`ChannelState::PermanentFailure`] instead: otherwise a reset would
    /// wait a minute for a device that is gone.
    // Not inlined: each of the callers would get a copy of the code.
    #[inline(never)]
    pub fn set_channel_state(&self, state: ChannelState) {
        write_channel_state(&self.pdev, state);
        if Device::of(&self.pdev).is_gone() {
            write_channel_state(&self.pdev, ChannelState::PermanentFailure);
        }
    }
}

/// Guard of a PCI device's device lock and of its function's `state_lock`.
#[must_use = "the locks are released immediately when the guard is unused"]
pub struct DeviceGuard<'a> {
    // Rust drops these fields in the order of their declaration, so the device lock is released
    // before `state_lock`.
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
    /// Returns the guard of the function's `state_lock`.
    pub fn state(&self) -> &StateGuard<'a> {
        &self.state
    }

    /// Releases `state_lock`, and keeps the device lock.
    pub fn into_device(self) -> DeviceLock {
        self.device
    }

    /// Ends the error state of a function whose config space and BARs are unblocked already.
    /// Afterwards the function's DMA works again.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the platform refuses, or an error of registering the DMA translation tables.
    pub fn end_error(&self) -> Result {
        let zdev = self.state.zdev.as_raw();

        // Register DMA translation again: while the function was in error, Linux could not tell the
        // platform of mapped or unmapped memory, and the function would use old translations.
        // SAFETY: The function is valid, and `state_lock` is held.
        checked(unsafe { bindings::zpci_iommu_refresh(zdev) })?;
        // SAFETY: The function is valid, and `state_lock` is held.
        accepted(unsafe { bindings::zpci_clear_error_state(zdev) })?;
        self.set_channel_state(ChannelState::Normal);
        Ok(())
    }

    /// Resets the function through the platform: disables and enables the function, and registers
    /// interruptions, DMA translation and measurement again. Afterwards config space may have its
    /// power-on values.
    ///
    /// # Errors
    ///
    /// The errors of the platform; the function may then be disabled.
    pub fn hot_reset(&self) -> Result {
        // SAFETY: The function is valid, and `state_lock` is held.
        checked(unsafe { bindings::zpci_hot_reset_device(self.state.zdev.as_raw()) })
    }
}
