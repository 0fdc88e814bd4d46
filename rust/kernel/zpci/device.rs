// SPDX-License-Identifier: GPL-2.0-only

//! PCI functions ([`Device`]), as the platform presents them to Linux.

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
    /// The platform offers the function to this system, but has not configured the function yet.
    Standby = bindings::zpci_state_ZPCI_FN_STATE_STANDBY,
    /// The function is configured to this system, which can use the function.
    Configured = bindings::zpci_state_ZPCI_FN_STATE_CONFIGURED,
    /// The function belongs to another system. The `zpci_dev` is freed with the last reference to
    /// it.
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
    /// The errors of the query.
    pub fn of(fid: FunctionId) -> Result<Self> {
        let mut state = bindings::zpci_state_ZPCI_FN_STATE_RESERVED;

        // SAFETY: The pointer is to a local variable, which the callee writes only during the call.
        checked(unsafe { bindings::clp_get_state(fid.as_raw(), &raw mut state) })?;
        Ok(Self::from_raw(state))
    }
}

/// A PCI function, as the platform presents it to Linux.
///
/// Wraps the kernel's C `struct zpci_dev`.
///
/// # Invariants
///
/// A [`Device`] is a valid `struct zpci_dev` that [`zpci_add_device()`] has added to the kernel's
/// functions, and whose reference count is not zero.
///
/// [`zpci_add_device()`]: srctree/arch/s390/pci/pci.c
#[repr(transparent)]
pub struct Device(Opaque<bindings::zpci_dev>);

// SAFETY: Any thread may use a `struct zpci_dev`, and any thread may release a reference to it.
unsafe impl Send for Device {}

// SAFETY: A shared reference gives access only to constants, to numbers that are read or written in
// one access, and to fields whose lock the methods take.
unsafe impl Sync for Device {}

// SAFETY: `struct zpci_dev` has a reference count, and is freed when the count becomes zero.
unsafe impl AlwaysRefCounted for Device {
    // Not inlined: `inc_ref` and `dec_ref` have many callers.
    #[inline(never)]
    fn inc_ref(&self) {
        // SAFETY: By the type invariant the function is valid and its reference count is not zero.
        unsafe { bindings::zpci_zdev_get(self.as_raw()) };
    }

    #[inline(never)]
    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller owns the reference that is released here.
        unsafe { bindings::zpci_zdev_put(obj.as_ptr().cast()) };
    }
}

impl Device {
    /// Turns a pointer to a `struct zpci_dev` into a reference.
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev`, and somebody must hold a reference to that
    /// function for as long as `'a` lasts.
    #[inline]
    pub unsafe fn from_raw<'a>(zdev: *mut bindings::zpci_dev) -> &'a Self {
        // SAFETY: By the caller's promise the function is valid during `'a`. The type is
        // transparent.
        unsafe { &*zdev.cast() }
    }

    /// Turns a reference that the caller owns into an [`ARef`].
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev`. The caller must own a reference to that
    /// function, and must not use the reference again.
    unsafe fn from_owned(zdev: NonNull<bindings::zpci_dev>) -> ARef<Self> {
        // SAFETY: By the caller's promise the pointer comes with a reference, which the [`ARef`]
        // takes over. The type is transparent.
        unsafe { ARef::from_raw(zdev.cast()) }
    }

    /// Returns the function of a PCI device.
    #[inline]
    pub fn of(pdev: &pci::Device) -> &Self {
        // SAFETY: The PCI device is valid, and each PCI device of this architecture has a function.
        // The PCI device holds a reference to its function for as long as the PCI device lives, and
        // `to_zpci()` finds the function until its last reference is released.
        unsafe { Self::from_raw(bindings::to_zpci(pci_as_raw(pdev))) }
    }

    /// Finds the function with the ID `fid`, if the kernel knows one.
    pub fn by_fid(fid: FunctionId) -> Option<ARef<Self>> {
        // SAFETY: Always safe to call. The callee returns null, or a pointer with a reference for
        // this caller.
        let zdev = NonNull::new(unsafe { bindings::get_zdev_by_fid(fid.as_raw()) })?;

        // SAFETY: The pointer comes with a reference, which belongs to this call alone.
        Some(unsafe { Self::from_owned(zdev) })
    }

    /// Calls `f` for each known function, bus by bus, and on each bus in the order of addresses.
    /// May sleep.
    pub fn for_each<F: FnMut(&Self)>(mut f: F) {
        /// # Safety
        ///
        /// `zdev` must be null, or point to a valid function with a reference that `each` takes
        /// over. `f` must point to an `F` that nobody else uses.
        unsafe extern "C" fn each<F: FnMut(&Device)>(
            zdev: *mut bindings::zpci_dev,
            f: *mut c_void,
        ) {
            if let Some(zdev) = NonNull::new(zdev) {
                // SAFETY: By the caller's promise nobody else uses `f`, and `zdev` comes with a
                // reference.
                unsafe { (*f.cast::<F>())(&Device::from_owned(zdev)) };
            }
        }

        // SAFETY: Always safe to call in process context. The callee calls `each` only before it
        // returns, each time with a new reference and with the pointer to `f`.
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

    /// Returns the function's address: its PCI domain, and its `devfn` in that domain.
    pub(super) fn address(&self) -> (c_int, c_uint) {
        // SAFETY: By the type invariant the function is valid, and a valid function has a bus.
        unsafe { ((*(*self.as_raw()).zbus).domain_nr, (*self.as_raw()).devfn) }
    }

    /// Returns the PCI device of the function, if there is one. The PCI device can appear or be
    /// removed at any time, unless the caller holds `state_lock`.
    // Not inlined: `pdev` has many callers.
    #[inline(never)]
    pub(super) fn pdev(&self) -> Option<ARef<pci::Device>> {
        // SAFETY: By the type invariant the function is valid, and so is its `zpci_bus`.
        let bus = unsafe { (*(*self.as_raw()).zbus).bus };

        if bus.is_null() {
            return None;
        }
        // SAFETY: The bus is valid, because the function holds a reference to its `zpci_bus`. The
        // callee returns null, or a pointer with a reference for this caller.
        let pdev = unsafe { bindings::pci_get_slot(bus, (*self.as_raw()).devfn) };

        // SAFETY: The reference belongs to this call alone. CAST: `pci::Device` is a transparent
        // wrapper of `struct pci_dev`.
        NonNull::new(pdev).map(|pdev| unsafe { ARef::from_raw(pdev.cast()) })
    }

    /// Whether the function has a PCI device. The answer may change unless the caller holds
    /// `state_lock`.
    pub fn has_pdev(&self) -> bool {
        self.pdev().is_some()
    }

    /// Finds a physical function that must be configured before this function: this function may be
    /// one of its virtual functions, and the event which says that the platform has configured the
    /// physical function is still queued. Returns [`None`] if there is no such physical function.
    pub fn physical_to_come(&self) -> Option<ARef<Self>> {
        // SAFETY: By the type invariant the function is valid.
        unsafe { Self::physical_to_come_for(self.as_raw()) }
    }

    /// Does the work of [`Device::physical_to_come`], also for a `zpci_dev` that has not been added
    /// to the kernel's functions yet.
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev`.
    unsafe fn physical_to_come_for(raw: *mut bindings::zpci_dev) -> Option<ARef<Self>> {
        let mut found = None;

        Self::for_each(|zdev| {
            // SAFETY: `raw` is valid by the caller's promise, and `zdev` by its type invariant.
            if unsafe { bindings::zpci_may_be_virtual_of(raw, zdev.as_raw()) }
                && zdev.recovery().is_coming(zdev.fid())
            {
                found = Some(zdev.into());
            }
        });
        found
    }

    /// Whether the PCI core knows the function as a virtual function of `physical`.
    pub fn is_virtual_of(&self, physical: &Self) -> bool {
        let (Some(pdev), Some(physical)) = (self.pdev(), physical.pdev()) else {
            return false;
        };
        let (pdev, physical) = (pci_as_raw(&pdev), pci_as_raw(&physical));

        // SAFETY: Both PCI devices are valid, because references to them are held here.
        // `pci_physfn()` reads a pointer from the device, and the pointer is only compared.
        pdev != physical && unsafe { bindings::pci_physfn(pdev) } == physical
    }

    /// Returns the function's handle. The handle may change unless the caller holds `state_lock`.
    #[inline]
    pub fn fh(&self) -> FunctionHandle {
        // SAFETY: By the type invariant the function is valid. The handle is read in one access.
        FunctionHandle::new(unsafe { (&raw const (*self.as_raw()).fh).read_volatile() })
    }

    /// Returns the function's state. The state may change unless the caller holds `state_lock`.
    #[inline]
    pub fn state(&self) -> State {
        // SAFETY: By the type invariant the function is valid. The state is read in one access.
        State::from_raw(unsafe { (&raw const (*self.as_raw()).state).read_volatile() })
    }

    pub(super) fn state_lock(&self) -> &Mutex<()> {
        // SAFETY: By the type invariant the function is valid, and so is its `state_lock`, which
        // `zpci_create_device()` has initialized.
        unsafe { Mutex::from_raw(&raw mut (*self.as_raw()).state_lock) }
    }

    /// Returns the function's [`Recovery`].
    #[inline]
    pub fn recovery(&self) -> &Recovery {
        // SAFETY: By the type invariant the function is valid. `create_recovery` has stored the
        // pointer before the function was added to the kernel's functions. The [`Recovery`] is
        // freed with the function, and the reference `self` keeps the function alive.
        unsafe { &*(*self.as_raw()).recovery.cast() }
    }

    /// Allocates the [`Recovery`] of a new function, and stores the pointer to it in the function.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev`, and nobody else may have a pointer to that
    /// function.
    pub unsafe fn create_recovery(zdev: *mut bindings::zpci_dev, handler: Handler) -> Result {
        let recovery = Recovery::new(handler)?.into_foreign();

        // SAFETY: By the caller's promise the function is valid, and nobody else uses it.
        unsafe { (*zdev).recovery = recovery };
        Ok(())
    }

    /// Frees the [`Recovery`] of a function that is about to be freed.
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev`, and nobody may have a reference to that
    /// function.
    pub unsafe fn release_recovery(zdev: *mut bindings::zpci_dev) {
        // SAFETY: By the caller's promise the function is valid, and nobody else uses it.
        let recovery = unsafe { core::mem::replace(&mut (*zdev).recovery, core::ptr::null_mut()) };

        // SAFETY: The pointer is null, or `create_recovery` has stored it. Nobody uses the pointer
        // again.
        drop(unsafe { Pin::<KBox<Recovery>>::try_from_foreign(recovery) });
    }

    /// Returns how often Linux has disabled the function. Each reset disables the function, so the
    /// count differs before and after a reset. Only compare counts for equality: the count wraps
    /// around.
    #[inline]
    pub(super) fn resets(&self) -> u32 {
        // SAFETY: By the type invariant the function is valid. The count is read in one access.
        // CAST: A wrapped, negative count is fine: callers only compare counts for equality.
        unsafe { (&raw const (*self.as_raw()).resets.counter).read_volatile() as u32 }
    }

    /// Returns the function's generation. Each reset and each new owner begins a new generation,
    /// and an event of another generation than the present one is ignored. The handle alone does
    /// not tell generations apart: a new owner does not change the handle. Only compare generations
    /// for equality: their number wraps around.
    pub fn generation(&self) -> u32 {
        self.resets()
            .wrapping_add(self.recovery().opened.load(Acquire))
    }

    /// Whether the platform has deconfigured the function and the event that says so is still
    /// queued.
    pub(super) fn is_gone(&self) -> bool {
        self.recovery().is_gone()
    }

    /// Marks the PCI device of a deconfigured function as failed for good, so that a reset which
    /// waits for that PCI device gives up. Takes no lock, because such a reset holds the device
    /// lock.
    pub fn mark_as_gone(&self) {
        if let Some(pdev) = self.pdev() {
            write_channel_state(&pdev, ChannelState::PermanentFailure);
        }
    }

    /// Unbinds the driver from the function's PCI device. May wait until user space closes the
    /// function. Returns `false` if another thread holds the device lock; the caller must try again
    /// later.
    pub fn unbind(&self) -> bool {
        let Some(pdev) = self.pdev() else { return true };
        // SAFETY: The PCI device is valid, because `pdev` is a reference, and so is the `struct
        // device` in it.
        let dev = unsafe { &raw mut (*pci_as_raw(&pdev)).dev };

        // Do not wait for a holder of the device lock: the holder may wait for user space forever.
        // SAFETY: `dev` is valid, because `pdev` is a reference to its PCI device.
        if unsafe { bindings::device_trylock(dev) } == 0 {
            return false;
        }
        // SAFETY: `device_trylock()` has just taken the device lock.
        unsafe { bindings::device_unlock(dev) };
        // SAFETY: `dev` is valid, because `pdev` is a reference to its PCI device.
        unsafe { bindings::device_release_driver(dev) };
        true
    }

    /// Creates a `zpci_dev` for each of the platform's functions that Linux does not know yet.
    pub fn find_new() {
        // SAFETY: Always safe to call in process context.
        unsafe { bindings::zpci_add_new_devices() };
    }

    /// Creates the `zpci_dev` of a function that the platform has configured to this system or
    /// offers to it, and adds the `zpci_dev` to the kernel's functions.
    ///
    /// The new function has one reference, held for the platform. That reference is released when
    /// the function becomes reserved.
    ///
    /// A physical function must be added before its virtual functions: the PCI core links a virtual
    /// function only to a physical function that the PCI core has already. If the event about the
    /// physical function is still queued, adds nothing and returns the physical function.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], or the errors of the queries to the platform.
    pub fn create(fid: FunctionId, fh: FunctionHandle, state: State) -> Result<Option<ARef<Self>>> {
        // SAFETY: Always safe to call in process context.
        let zdev = from_err_ptr(unsafe {
            bindings::zpci_create_device(fid.as_raw(), fh.as_raw(), state as bindings::zpci_state)
        })?;

        // SAFETY: `zpci_create_device()` has returned a valid function, which lives until `kfree()`
        // below.
        if let Some(physical) = unsafe { Self::physical_to_come_for(zdev) } {
            // SAFETY: The function has not been added, so nobody else has a pointer to it.
            unsafe { bindings::kfree(zdev.cast()) };
            return Ok(Some(physical));
        }
        // SAFETY: The function is new, so nobody else has a pointer to it.
        checked(unsafe { bindings::zpci_add_device(zdev) }).inspect_err(|_| {
            // Wait for an RCU grace period before freeing the function: another thread that walks
            // through the functions of the bus may still be reading it.
            // SAFETY: Always safe to call in process context.
            unsafe { bindings::synchronize_rcu() };
            // SAFETY: Adding the function has failed, so nobody else has a reference to it, and
            // after the grace period nobody reads it.
            unsafe { bindings::kfree(zdev.cast()) }
        })?;
        Ok(None)
    }
}
