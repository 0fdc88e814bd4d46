// SPDX-License-Identifier: GPL-2.0-only

//! PCI functions, as the platform presents them.

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

/// The state of a function in the platform's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// The function can be configured to this system.
    Standby = bindings::zpci_state_ZPCI_FN_STATE_STANDBY,
    /// The function is configured to this system, and may be used.
    Configured = bindings::zpci_state_ZPCI_FN_STATE_CONFIGURED,
    /// The function belongs to another system. Its `zpci_dev` is freed with the last reference.
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

/// A PCI function, as the platform presents it.
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

// SAFETY: A shared reference only gives access to constants, to numbers that are read or written at
// once, and to fields whose lock the methods take.
unsafe impl Sync for Device {}

// SAFETY: `struct zpci_dev` counts its references.
unsafe impl AlwaysRefCounted for Device {
    // Not inlined, like `dec_ref`: both have many callers.
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
    /// Turns a pointer into a reference.
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev`, and somebody must hold a reference to it
    /// for as long as `'a` lasts.
    #[inline]
    pub unsafe fn from_raw<'a>(zdev: *mut bindings::zpci_dev) -> &'a Self {
        // SAFETY: By the caller's promise; the type is transparent.
        unsafe { &*zdev.cast() }
    }

    /// Takes over a reference that the caller owns.
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev`. The caller must own a reference to it, and
    /// must not use that reference again.
    unsafe fn from_owned(zdev: NonNull<bindings::zpci_dev>) -> ARef<Self> {
        // SAFETY: By the caller's promise; the type is transparent.
        unsafe { ARef::from_raw(zdev.cast()) }
    }

    /// Returns the function of a PCI device.
    #[inline]
    pub fn of(pdev: &pci::Device) -> &Self {
        // SAFETY: The PCI device is valid, and all PCI devices of this architecture are zPCI's. It
        // holds a reference to its function for as long as it lives, and the function stays where
        // it is looked for until the last reference goes.
        unsafe { Self::from_raw(bindings::to_zpci(pci_as_raw(pdev))) }
    }

    /// Finds a function by its ID.
    pub fn by_fid(fid: FunctionId) -> Option<ARef<Self>> {
        // SAFETY: Always safe to call. Returns null, or a reference for this caller.
        let zdev = NonNull::new(unsafe { bindings::get_zdev_by_fid(fid.as_raw()) })?;

        // SAFETY: The pointer comes with a reference, which is used nowhere else.
        Some(unsafe { Self::from_owned(zdev) })
    }

    /// Calls `f` for each known function, bus by bus in the order of addresses. May sleep.
    pub fn for_each<F: FnMut(&Self)>(mut f: F) {
        /// # Safety
        ///
        /// `zdev` must be a valid function with a reference, which the callee takes over. `f` must
        /// point to an `F` that nobody else uses.
        unsafe extern "C" fn each<F: FnMut(&Device)>(
            zdev: *mut bindings::zpci_dev,
            f: *mut c_void,
        ) {
            if let Some(zdev) = NonNull::new(zdev) {
                // SAFETY: By the caller's promise.
                unsafe { (*f.cast::<F>())(&Device::from_owned(zdev)) };
            }
        }

        // SAFETY: Always safe to call in process context. The C function calls `each` only before
        // it returns, each time with a new reference and with `f`.
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

    /// Returns the PCI domain of the function, and the function's number in that domain.
    pub(super) fn address(&self) -> (c_int, c_uint) {
        // SAFETY: By the type invariant the function is valid, and a valid function has a bus.
        unsafe { ((*(*self.as_raw()).zbus).domain_nr, (*self.as_raw()).devfn) }
    }

    /// Returns the PCI device of the function. The device may come and go unless the caller holds
    /// `state_lock`.
    // Not inlined: there are many callers.
    #[inline(never)]
    pub(super) fn pdev(&self) -> Option<ARef<pci::Device>> {
        // SAFETY: By the type invariant the function is valid, and so is the function's bus.
        let bus = unsafe { (*(*self.as_raw()).zbus).bus };

        if bus.is_null() {
            return None;
        }
        // SAFETY: The bus is valid, because the function holds a reference to it. The result is
        // null or comes with a reference.
        let pdev = unsafe { bindings::pci_get_slot(bus, (*self.as_raw()).devfn) };

        // SAFETY: The reference belongs to this call. CAST: `pci::Device` is a transparent wrapper.
        NonNull::new(pdev).map(|pdev| unsafe { ARef::from_raw(pdev.cast()) })
    }

    /// Whether the function has a PCI device. This may change unless the caller holds `state_lock`.
    pub fn has_pdev(&self) -> bool {
        self.pdev().is_some()
    }

    /// Finds the physical function of a virtual one, if the platform has given the physical
    /// function and the event about that has not been processed yet.
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

    /// Whether the function is a virtual function of `physical` in the PCI core.
    pub fn is_virtual_of(&self, physical: &Self) -> bool {
        let (Some(pdev), Some(physical)) = (self.pdev(), physical.pdev()) else {
            return false;
        };
        let (pdev, physical) = (pci_as_raw(&pdev), pci_as_raw(&physical));

        // SAFETY: Both PCI devices are valid. A virtual one holds a reference to its physical one.
        pdev != physical && unsafe { bindings::pci_physfn(pdev) } == physical
    }

    /// Returns the function's handle. It may change unless the caller holds `state_lock`.
    #[inline]
    pub fn fh(&self) -> FunctionHandle {
        // SAFETY: By the type invariant the function is valid; the handle is read at once.
        FunctionHandle::new(unsafe { (&raw const (*self.as_raw()).fh).read_volatile() })
    }

    /// Returns the function's state. It may change unless the caller holds `state_lock`.
    #[inline]
    pub fn state(&self) -> State {
        // SAFETY: By the type invariant the function is valid; the state is read at once.
        State::from_raw(unsafe { (&raw const (*self.as_raw()).state).read_volatile() })
    }

    pub(super) fn state_lock(&self) -> &Mutex<()> {
        // SAFETY: By the type invariant the function is valid, and so is the lock inside it, which
        // `zpci_create_device()` has initialized.
        unsafe { Mutex::from_raw(&raw mut (*self.as_raw()).state_lock) }
    }

    /// Returns the function's [`Recovery`].
    #[inline]
    pub fn recovery(&self) -> &Recovery {
        // SAFETY: By the type invariant the function is valid, and the pointer is from
        // `create_recovery`, which is called before the function is made known. What it points to
        // stays until the function is released, which the reference `self` forbids.
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
    /// The pointer must be to a valid `struct zpci_dev`, and nobody else may have a pointer to it.
    pub unsafe fn create_recovery(zdev: *mut bindings::zpci_dev, handler: Handler) -> Result {
        let recovery = Recovery::new(handler)?.into_foreign();

        // SAFETY: By the caller's promise.
        unsafe { (*zdev).recovery = recovery };
        Ok(())
    }

    /// Frees the [`Recovery`] of a function.
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev`, and nobody may have a reference to it.
    pub unsafe fn release_recovery(zdev: *mut bindings::zpci_dev) {
        // SAFETY: By the caller's promise.
        let recovery = unsafe { core::mem::replace(&mut (*zdev).recovery, core::ptr::null_mut()) };

        // SAFETY: The pointer is null or comes from `create_recovery`, and is not used again.
        drop(unsafe { Pin::<KBox<Recovery>>::try_from_foreign(recovery) });
    }

    /// How often the platform has disabled the function. Events from before are ignored.
    #[inline]
    pub(super) fn resets(&self) -> u32 {
        // SAFETY: By the type invariant the function is valid; the number is read at once. CAST:
        // The number wraps around, and only equality matters.
        unsafe { (&raw const (*self.as_raw()).resets.counter).read_volatile() as u32 }
    }

    /// Returns the function's generation. A new generation begins with each reset and each owner,
    /// and events of an old generation are ignored. The handle alone would not do: a new owner does
    /// not change it.
    pub fn generation(&self) -> u32 {
        self.resets()
            .wrapping_add(self.recovery().opened.load(Acquire))
    }

    /// Whether the platform has taken the function away. The event may not have been processed yet.
    pub(super) fn is_gone(&self) -> bool {
        self.recovery().is_gone()
    }

    /// Marks the device of a function that is gone as failed for good. Takes no lock, because a
    /// reset that waits for the device holds the lock, and gives up once it sees the mark.
    pub fn mark_as_gone(&self) {
        if let Some(pdev) = self.pdev() {
            write_channel_state(&pdev, ChannelState::PermanentFailure);
        }
    }

    /// Unbinds the driver from the function's device. May wait until user space lets the device go.
    /// Returns `false` if the device's lock is taken; the caller tries again later.
    pub fn unbind(&self) -> bool {
        let Some(pdev) = self.pdev() else { return true };
        // SAFETY: The PCI device is valid, and so is the `struct device` inside it.
        let dev = unsafe { &raw mut (*pci_as_raw(&pdev)).dev };

        // Do not wait for the lock: its holder may wait for user space forever.
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

    /// Creates those of the platform's functions that Linux has no `zpci_dev` for.
    pub fn find_new() {
        // SAFETY: Always safe to call in process context.
        unsafe { bindings::zpci_add_new_devices() };
    }

    /// Makes a function known that the platform has given or offered.
    ///
    /// The function starts with one reference, that of the platform. The reference is dropped when
    /// the function becomes reserved.
    ///
    /// The PCI core never links a virtual function to a physical one that comes later. So if the
    /// physical function is still to come, nothing is made, and the physical function is returned.
    ///
    /// # Errors
    ///
    /// Those of the queries to the platform, and [`ENOMEM`].
    pub fn create(fid: FunctionId, fh: FunctionHandle, state: State) -> Result<Option<ARef<Self>>> {
        // SAFETY: Always safe to call in process context.
        let zdev = from_err_ptr(unsafe {
            bindings::zpci_create_device(fid.as_raw(), fh.as_raw(), state as bindings::zpci_state)
        })?;

        // SAFETY: The function is valid until `kfree()` below.
        if let Some(physical) = unsafe { Self::physical_to_come_for(zdev) } {
            // SAFETY: Nobody else has a pointer to the function.
            unsafe { bindings::kfree(zdev.cast()) };
            return Ok(Some(physical));
        }
        // SAFETY: The function is new, and nobody else has a pointer to it.
        checked(unsafe { bindings::zpci_add_device(zdev) }).inspect_err(|_| {
            // Wait for readers: a walk through the functions of a bus may have found the function.
            // SAFETY: Always safe to call in process context.
            unsafe { bindings::synchronize_rcu() };
            // SAFETY: Adding has failed, so nobody else has a reference to the function.
            unsafe { bindings::kfree(zdev.cast()) }
        })?;
        Ok(None)
    }
}
