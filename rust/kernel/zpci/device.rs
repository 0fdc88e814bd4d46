// SPDX-License-Identifier: GPL-2.0-only

//! PCI functions as the platform has them.

use super::{
    checked,
    pci::{
        pci_as_raw,
        write_channel_state, //
    },
    ChannelState,
    FunctionHandle,
    FunctionId,
    Handler,
    Recovery, //
};
use crate::{
    bindings,
    error::from_err_ptr,
    pci,
    prelude::*,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        atomic::Acquire,
        Mutex, //
    },
    types::{
        ForeignOwnable,
        Opaque, //
    }, //
};
use core::ptr::NonNull;

/// The state of a function towards the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// The function could be configured to this system.
    Standby = bindings::zpci_state_ZPCI_FN_STATE_STANDBY,
    /// The function belongs to this system.
    Configured = bindings::zpci_state_ZPCI_FN_STATE_CONFIGURED,
    /// The function belongs to another system; its `zpci_dev` goes with its last reference.
    Reserved = bindings::zpci_state_ZPCI_FN_STATE_RESERVED,
}

impl State {
    fn from_raw(raw: bindings::zpci_state) -> Self {
        match raw {
            bindings::zpci_state_ZPCI_FN_STATE_STANDBY => Self::Standby,
            bindings::zpci_state_ZPCI_FN_STATE_CONFIGURED => Self::Configured,
            _ => Self::Reserved,
        }
    }

    /// Asks the platform for the state of a function.
    ///
    /// # Errors
    ///
    /// Those of the query.
    pub fn of(fid: FunctionId) -> Result<Self> {
        let mut state = bindings::zpci_state_ZPCI_FN_STATE_RESERVED;

        // SAFETY: The pointer is to a local that is written to at most during the call.
        checked(unsafe { bindings::clp_get_state(fid.as_raw(), &raw mut state) })?;
        Ok(Self::from_raw(state))
    }
}

/// A PCI function as the platform has it.
///
/// Wraps the kernel's C `struct zpci_dev`.
///
/// # Invariants
///
/// A [`Device`] is a valid `struct zpci_dev` that [`zpci_add_device()`] has made known, and whose
/// reference count is not zero.
///
/// [`zpci_add_device()`]: srctree/arch/s390/pci/pci.c
#[repr(transparent)]
pub struct Device(Opaque<bindings::zpci_dev>);

// SAFETY: A `struct zpci_dev` may be used and released on any thread.
unsafe impl Send for Device {}

// SAFETY: A shared reference gives access to constants, to numbers that are read or written at
// once, and to fields whose lock the methods take.
unsafe impl Sync for Device {}

// SAFETY: `struct zpci_dev` counts its references.
unsafe impl AlwaysRefCounted for Device {
    #[inline(never)]
    fn inc_ref(&self) {
        // SAFETY: By the type invariant the function is valid and its count is not zero.
        unsafe { bindings::zpci_zdev_get(self.as_raw()) };
    }

    #[inline(never)]
    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller owns the reference that is dropped here.
        unsafe { bindings::zpci_zdev_put(obj.as_ptr().cast()) };
    }
}

impl Device {
    /// Makes a reference of a pointer.
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev`, to which somebody holds a reference for
    /// as long as `'a` lasts.
    #[inline]
    pub unsafe fn from_raw<'a>(zdev: *mut bindings::zpci_dev) -> &'a Self {
        // SAFETY: By the caller's promise; the type is transparent.
        unsafe { &*zdev.cast() }
    }

    /// Takes over a reference that the caller owns.
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev`, and the caller must own a reference to
    /// it that it does not use again.
    pub unsafe fn from_owned(zdev: NonNull<bindings::zpci_dev>) -> ARef<Self> {
        // SAFETY: By the caller's promise; the type is transparent.
        unsafe { ARef::from_raw(zdev.cast()) }
    }

    /// Returns the function behind a PCI device.
    #[inline]
    pub fn of(pdev: &pci::Device) -> &Self {
        // SAFETY: The PCI device is valid, and all PCI devices of this architecture are zPCI's. It
        // holds a reference to its function for as long as it lives, and the function stays where
        // it is looked for until the last reference goes.
        unsafe { Self::from_raw(bindings::to_zpci(pci_as_raw(pdev))) }
    }

    /// Finds a function by its ID.
    pub fn by_fid(fid: FunctionId) -> Option<ARef<Self>> {
        // SAFETY: Always safe to call; returns null, or a reference that is ours.
        let zdev = NonNull::new(unsafe { bindings::get_zdev_by_fid(fid.as_raw()) })?;

        // SAFETY: See above.
        Some(unsafe { Self::from_owned(zdev) })
    }

    /// Calls `f` for each function that is known, on each bus in the order of their addresses.
    /// May sleep.
    pub fn for_each<F: FnMut(&Self)>(mut f: F) {
        /// # Safety
        ///
        /// The pointers must be to a valid function, with a reference that is handed over, and to
        /// an `F` that nobody else uses.
        unsafe extern "C" fn each<F: FnMut(&Device)>(
            zdev: *mut bindings::zpci_dev,
            f: *mut c_void,
        ) {
            if let Some(zdev) = NonNull::new(zdev) {
                // SAFETY: By the caller's promise.
                unsafe { (*f.cast::<F>())(&Device::from_owned(zdev)) };
            }
        }

        // SAFETY: Always safe to call in process context. `each` is called during the call only,
        // with a reference of its own and with `f`.
        unsafe { bindings::zpci_visit_functions(Some(each::<F>), (&raw mut f).cast()) };
    }

    #[inline]
    pub(super) fn as_raw(&self) -> *mut bindings::zpci_dev {
        self.0.get()
    }

    /// Returns the function's ID.
    #[inline]
    pub fn fid(&self) -> FunctionId {
        // SAFETY: By the type invariant the function is valid; its ID never changes.
        FunctionId::new(unsafe { (*self.as_raw()).fid })
    }

    /// Returns the PCI domain of the function, and its number in there.
    pub(super) fn address(&self) -> (c_int, c_uint) {
        // SAFETY: By the type invariant the function is valid; it has a bus for as long as it is.
        unsafe { ((*(*self.as_raw()).zbus).domain_nr, (*self.as_raw()).devfn) }
    }

    /// Returns the PCI device of the function, which may come and go unless `state_lock` is held.
    pub(super) fn pdev(&self) -> Option<ARef<pci::Device>> {
        // SAFETY: By the type invariant the function is valid, and so is its bus for as long as
        // it is.
        let bus = unsafe { (*(*self.as_raw()).zbus).bus };

        if bus.is_null() {
            return None;
        }
        // SAFETY: The bus is valid: its functions hold a reference. The result is null or comes
        // with a reference.
        let pdev = unsafe { bindings::pci_get_slot(bus, (*self.as_raw()).devfn) };

        // SAFETY: The reference is ours. CAST: `pci::Device` is a transparent wrapper.
        NonNull::new(pdev).map(|pdev| unsafe { ARef::from_raw(pdev.cast()) })
    }

    /// Whether the PCI core has the function, which may change unless `state_lock` is held.
    pub fn has_pdev(&self) -> bool {
        self.pdev().is_some()
    }

    /// Finds the physical function of a virtual one, if the platform has just given it and that
    /// has not been processed yet.
    pub fn physical_to_come(&self) -> Option<ARef<Self>> {
        // SAFETY: By the type invariant the function is valid.
        unsafe { Self::physical_to_come_for(self.as_raw()) }
    }

    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev`.
    unsafe fn physical_to_come_for(raw: *mut bindings::zpci_dev) -> Option<ARef<Self>> {
        let mut found = None;

        Self::for_each(|zdev| {
            // SAFETY: By the caller's promise, and by the type invariant.
            if unsafe { bindings::zpci_may_be_virtual_of(raw, zdev.as_raw()) }
                && zdev.recovery().is_coming(zdev.fid())
            {
                found = Some(zdev.into());
            }
        });
        found
    }

    /// Whether the PCI core has the function as a virtual one of `physical`.
    pub fn is_virtual_of(&self, physical: &Self) -> bool {
        let (Some(pdev), Some(physical)) = (self.pdev(), physical.pdev()) else {
            return false;
        };
        let (pdev, physical) = (pci_as_raw(&pdev), pci_as_raw(&physical));

        // SAFETY: Both PCI devices are valid. A virtual one has a reference to its physical one.
        pdev != physical && unsafe { bindings::pci_physfn(pdev) } == physical
    }

    /// Returns the function's handle, which may change unless `state_lock` is held.
    #[inline]
    pub fn fh(&self) -> FunctionHandle {
        // SAFETY: By the type invariant the function is valid; the handle is read at once.
        FunctionHandle::new(unsafe { (&raw const (*self.as_raw()).fh).read_volatile() })
    }

    /// Returns the function's state, which may change unless `state_lock` is held.
    #[inline]
    pub fn state(&self) -> State {
        // SAFETY: By the type invariant the function is valid; the state is read at once.
        State::from_raw(unsafe { (&raw const (*self.as_raw()).state).read_volatile() })
    }

    pub(super) fn state_lock(&self) -> &Mutex<()> {
        // SAFETY: By the type invariant the function is valid, and with it the lock in it, which
        // was initialized when the function was made.
        unsafe { Mutex::from_raw(&raw mut (*self.as_raw()).state_lock) }
    }

    /// Returns the function's [`Recovery`].
    #[inline]
    pub fn recovery(&self) -> &Recovery {
        // SAFETY: By the type invariant the function is valid, and the pointer is from `prepare`,
        // which is called before the function is made known. What it points to stays until the
        // function is released, which the reference `self` forbids.
        unsafe { &*(*self.as_raw()).recovery.cast() }
    }

    /// Makes the [`Recovery`] of a function.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev` that is not known to anybody yet.
    pub unsafe fn prepare(zdev: *mut bindings::zpci_dev, handler: Handler) -> Result {
        let recovery = Recovery::new(handler)?.into_foreign();

        // SAFETY: By the caller's promise.
        unsafe { (*zdev).recovery = recovery };
        Ok(())
    }

    /// Frees the [`Recovery`] of a function.
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev` that nobody has a reference to.
    pub unsafe fn release(zdev: *mut bindings::zpci_dev) {
        // SAFETY: By the caller's promise.
        let recovery = unsafe { core::mem::replace(&mut (*zdev).recovery, core::ptr::null_mut()) };

        // SAFETY: The pointer is null or came from `prepare`, and is not used again.
        drop(unsafe { Pin::<KBox<Recovery>>::try_from_foreign(recovery) });
    }

    /// How often the platform has disabled the function. Events from before are ignored.
    #[inline]
    pub(super) fn resets(&self) -> u32 {
        // SAFETY: By the type invariant the function is valid; the number is read at once. CAST:
        // It counts on from the largest number to the smallest.
        unsafe { (&raw const (*self.as_raw()).resets.counter).read_volatile() as u32 }
    }

    /// Tells which life of the function an event is from, where its handle does not: a new one
    /// begins with each reset and with each owner.
    pub fn generation(&self) -> u32 {
        self.resets()
            .wrapping_add(self.recovery().opened.load(Acquire))
    }

    /// Whether the platform has taken the function away, which may not have been processed yet.
    pub fn is_gone(&self) -> bool {
        self.recovery().is_gone()
    }

    /// Marks the device of a function that [is gone](Device::is_gone) as failed for good. No lock
    /// is needed, so that a reset which waits for the device gives up at once.
    pub fn mark_as_gone(&self) {
        if let Some(pdev) = self.pdev() {
            write_channel_state(&pdev, ChannelState::PermanentFailure);
        }
    }

    /// Takes the driver from the function's device, which may wait until user space lets it go.
    /// Returns `false` if the device's lock is taken: the caller tries again later.
    pub fn unbind(&self) -> bool {
        let Some(pdev) = self.pdev() else { return true };
        // SAFETY: The PCI device is valid, and with it the `struct device` in it.
        let dev = unsafe { &raw mut (*pci_as_raw(&pdev)).dev };

        // The lock is not waited for: its holder may wait for user space for good.
        // SAFETY: The device is valid.
        if unsafe { bindings::device_trylock(dev) } == 0 {
            return false;
        }
        // SAFETY: The lock has just been taken.
        unsafe { bindings::device_unlock(dev) };
        // SAFETY: The device is valid.
        unsafe { bindings::device_release_driver(dev) };
        true
    }

    /// Makes all functions known that the platform has and that are not yet.
    pub fn find_new() {
        // SAFETY: Always safe to call in process context.
        unsafe { bindings::zpci_add_new_devices() };
    }

    /// Makes a function known that the platform has announced.
    ///
    /// The reference that it starts with stands for the platform's, and is dropped when the
    /// function becomes reserved.
    ///
    /// A virtual function that is made known before its physical one would never be linked to it.
    /// So none is made while the physical one is still to come, which is returned.
    ///
    /// # Errors
    ///
    /// Those of the queries to the platform, and [`ENOMEM`].
    pub fn create(fid: FunctionId, fh: FunctionHandle, state: State) -> Result<Option<ARef<Self>>> {
        // SAFETY: Always safe to call in process context.
        let zdev = from_err_ptr(unsafe {
            bindings::zpci_create_device(fid.as_raw(), fh.as_raw(), state as bindings::zpci_state)
        })?;

        // SAFETY: The function is valid until it is freed below.
        if let Some(physical) = unsafe { Self::physical_to_come_for(zdev) } {
            // SAFETY: The function is not known to anybody.
            unsafe { bindings::kfree(zdev.cast()) };
            return Ok(Some(physical));
        }
        // SAFETY: The function is new and not known to anybody.
        checked(unsafe { bindings::zpci_add_device(zdev) }).inspect_err(|_| {
            // A walk through the functions of a bus may have come across it.
            // SAFETY: Always safe to call in process context.
            unsafe { bindings::synchronize_rcu() };
            // SAFETY: Adding has failed, so the function is ours alone again.
            unsafe { bindings::kfree(zdev.cast()) }
        })?;
        Ok(None)
    }
}
