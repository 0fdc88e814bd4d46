// SPDX-License-Identifier: GPL-2.0-only

//! PCI functions as the platform has them.

use super::{
    driver::write_channel_state,
    event::Handler,
    lock::{
        DeviceGuard,
        StateGuard, //
    },
    ChannelState,
    Delivery,
    DirectedIndicators,
    Fib,
    FloatingIndicators,
    FunctionHandle,
    FunctionId,
    Recovery, //
};
use crate::{
    bindings,
    error::to_result,
    pci,
    prelude::*,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        atomic::Acquire,
        Arc,
        ArcBorrow,
        Mutex, //
    },
    types::Opaque, //
};
use core::{
    mem::MaybeUninit,
    ptr::NonNull, //
};

/// What the platform lets us do with a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It could be configured to us.
    Standby,
    /// It is ours.
    Configured,
    /// It belongs to somebody else, and is about to be forgotten.
    Reserved,
}

impl State {
    fn from_raw(raw: bindings::zpci_state) -> Self {
        match raw {
            bindings::zpci_state_ZPCI_FN_STATE_STANDBY => Self::Standby,
            bindings::zpci_state_ZPCI_FN_STATE_CONFIGURED => Self::Configured,
            _ => Self::Reserved,
        }
    }

    pub(super) fn into_raw(self) -> bindings::zpci_state {
        match self {
            Self::Standby => bindings::zpci_state_ZPCI_FN_STATE_STANDBY,
            Self::Configured => bindings::zpci_state_ZPCI_FN_STATE_CONFIGURED,
            Self::Reserved => bindings::zpci_state_ZPCI_FN_STATE_RESERVED,
        }
    }
}

/// A PCI function as the platform has it.
///
/// Wraps the kernel's C `struct zpci_dev`.
///
/// # Invariants
///
/// A [`Device`] is a valid `struct zpci_dev` that [`zpci_create_device()`] has made, and whose
/// reference count is not zero.
///
/// [`zpci_create_device()`]: srctree/arch/s390/pci/pci.c
#[repr(transparent)]
pub struct Device(Opaque<bindings::zpci_dev>);

// SAFETY: A `struct zpci_dev` may be used and released on any thread.
unsafe impl Send for Device {}

// SAFETY: What a shared reference gives access to is constant, is a number that is read or
// written at once, or is protected by a lock that the methods take.
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
    pub fn of(pdev: &pci::Device) -> Option<&Self> {
        // SAFETY: The PCI device is valid, and all PCI devices of this architecture are zPCI's.
        let zdev = unsafe { bindings::to_zpci(super::driver::pci_as_raw(pdev)) };

        if zdev.is_null() {
            return None;
        }
        // SAFETY: A PCI device holds a reference to its function for as long as it lives.
        Some(unsafe { Self::from_raw(zdev) })
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
        // with what it wants.
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

    fn state_lock(&self) -> &Mutex<()> {
        // SAFETY: By the type invariant the function is valid, and with it the lock in it, which
        // was initialized when the function was made.
        unsafe { Mutex::from_raw(&raw mut (*self.as_raw()).state_lock) }
    }

    /// Takes `state_lock` if it is free.
    pub fn try_lock_state(&self) -> Option<StateGuard<'_>> {
        Some(StateGuard::new(self, self.state_lock().try_lock()?))
    }

    /// Returns what is kept of the function for its recovery.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] before the function is made known.
    #[inline]
    pub fn recovery(&self) -> Result<ArcBorrow<'_, Recovery>> {
        // SAFETY: By the type invariant the function is valid; the pointer is read at once.
        let recovery = unsafe { (&raw const (*self.as_raw()).recovery).read_volatile() };

        if recovery.is_null() {
            return Err(ENODEV);
        }
        // SAFETY: The pointer is from `prepare`. It stays until the function is released, which
        // the reference that `self` is forbids.
        Ok(unsafe { ArcBorrow::from_raw(recovery.cast()) })
    }

    /// Makes what is kept of a function for its recovery.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev` that is not known to anybody yet.
    pub unsafe fn prepare(zdev: *mut bindings::zpci_dev, handler: Handler) -> Result {
        let recovery = Arc::into_raw(Recovery::new(handler)?);

        // SAFETY: By the caller's promise.
        unsafe { (*zdev).recovery = recovery.cast_mut().cast() };
        Ok(())
    }

    /// Frees what is kept of a function for its recovery.
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid `struct zpci_dev` that nobody has a reference to.
    pub unsafe fn release(zdev: *mut bindings::zpci_dev) {
        // SAFETY: By the caller's promise.
        let recovery = unsafe { core::mem::replace(&mut (*zdev).recovery, core::ptr::null_mut()) };

        if !recovery.is_null() {
            // SAFETY: The pointer came from `Arc::into_raw` in `prepare`, and nobody will use it
            // again, by the caller's promise.
            drop(unsafe { Arc::from_raw(recovery.cast::<Recovery>()) });
        }
    }

    /// How often the platform has disabled the function, which ends what an event is about.
    #[inline]
    pub(super) fn resets(&self) -> u32 {
        // SAFETY: By the type invariant the function is valid; the number is read at once. CAST:
        // It counts on from the largest number to the smallest.
        unsafe { (&raw const (*self.as_raw()).resets.counter).read_volatile() as u32 }
    }

    /// Tells which life of the function an event is from, where its handle does not: a new one
    /// begins with each reset and with each owner.
    pub fn generation(&self) -> u32 {
        let opened = self
            .recovery()
            .map_or(0, |recovery| recovery.opened.load(Acquire));

        self.resets().wrapping_add(opened)
    }

    /// Whether the platform has taken the function away, which may not have been processed yet.
    pub fn is_gone(&self) -> bool {
        self.recovery().is_ok_and(|recovery| recovery.is_gone())
    }

    /// Marks the device of a function that [is gone](Device::is_gone) as lost. No lock is needed,
    /// so that a reset which waits for the device gives up at once.
    pub fn mark_as_gone(&self) {
        if let Some(pdev) = self.pdev() {
            write_channel_state(&pdev, ChannelState::PermanentFailure);
        }
    }

    /// Takes the driver from the function's device, which may wait until user space lets it go.
    /// Returns whether nobody else did so at the same time.
    pub fn unbind(&self) -> bool {
        let Some(pdev) = self.pdev() else { return true };
        // SAFETY: The PCI device is valid, and with it the `struct device` in it.
        let dev = unsafe { &raw mut (*super::driver::pci_as_raw(&pdev)).dev };

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

    /// Whether a message about the function may be logged now.
    ///
    /// A guest or a broken function can cause such messages. Each function has a budget of its
    /// own, so that a storm of one hides nothing of another.
    pub fn may_log(&self) -> bool {
        // SAFETY: By the type invariant the function is valid.
        unsafe { bindings::zpci_may_log(self.as_raw()) }
    }

    fn modify(&self, operation: u8, fib: &Fib) -> core::result::Result<(), (u8, u8)> {
        let request = u64::from(self.fh().as_raw()) << 32 | u64::from(operation);
        let mut words = *fib;
        let mut status = 0;
        // SAFETY: The block has the layout that the instruction wants, and both pointers are to
        // locals that are written to at most during the call.
        let cc =
            unsafe { bindings::zpci_mod_fc(request, (&raw mut words).cast(), &raw mut status) };

        match cc {
            0 => Ok(()),
            _ => Err((cc, status)),
        }
    }

    fn gisa(&self) -> u32 {
        // SAFETY: By the type invariant the function is valid; the number is read at once.
        unsafe { (&raw const (*self.as_raw()).gisa).read_volatile() }
    }

    /// Registers adapter interruptions, with the indicators that MSI setup has made for the
    /// function.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the function has no indicators, [`EIO`] if the platform refuses.
    ///
    /// # Safety
    ///
    /// The indicators must not be torn down meanwhile: the caller is part of their setup, or
    /// holds what keeps the driver from freeing its interrupts.
    pub unsafe fn register_irq(&self) -> Result {
        match super::irq_delivery() {
            // SAFETY: By the caller's promise.
            Delivery::Floating => unsafe { self.register_floating_irq() },
            Delivery::Directed => self.register_directed_irq(),
        }
    }

    /// # Safety
    ///
    /// As for [`Device::register_irq`].
    unsafe fn register_floating_irq(&self) -> Result {
        // SAFETY: By the type invariant the function is valid.
        let (aibv, summary_bit) = unsafe { ((*self.as_raw()).aibv, (*self.as_raw()).aisb) };

        if aibv.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: The vector is valid from its setup to its teardown, which the caller excludes.
        let (bits, vector) = unsafe { ((*aibv).end, (*aibv).vector) };
        let fib = Fib::floating(
            self.gisa(),
            FloatingIndicators {
                // CAST: A subclass has three bits, at most 2048 interrupts are given out, and
                // `usize` has 64 bits on this architecture.
                subclass: bindings::PCI_ISC as u8,
                interrupts: bits as u16,
                // SAFETY: The vector is in the kernel's linear mapping.
                vector: unsafe { bindings::virt_to_phys(vector.cast()) },
                summary: super::irq_summary(),
                summary_bit: summary_bit as u64,
            },
        );

        self.modify(Self::REG_INT, &fib).map_err(|_| EIO)
    }

    fn register_directed_irq(&self) -> Result {
        // SAFETY: By the type invariant the function is valid.
        let (interrupts, first_bit) =
            unsafe { ((*self.as_raw()).msi_nr_irqs, (*self.as_raw()).msi_first_bit) };
        let fib = Fib::directed(
            self.gisa(),
            DirectedIndicators {
                // CAST: Both are limited by the size of a CPU's vector, which is far below.
                interrupts: interrupts as u16,
                first_bit: first_bit as u16,
            },
        );

        self.modify(Self::REG_INT_D, &fib).map_err(|_| EIO)
    }

    /// Deregisters adapter interruptions. A function that is gone has none, nor has one whose
    /// interruptions are not registered; neither is an error.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the platform refuses.
    pub fn deregister_irq(&self) -> Result {
        let delivery = super::irq_delivery();
        let operation = match delivery {
            Delivery::Floating => Self::DEREG_INT,
            Delivery::Directed => Self::DEREG_INT_D,
        };

        match self.modify(operation, &Fib::new(delivery, self.gisa())) {
            Ok(()) | Err((Self::CC_GONE, _)) | Err((Self::CC_ERROR, Self::NOT_REGISTERED)) => {
                Ok(())
            }
            Err(_) => Err(EIO),
        }
    }

    // CAST: Operation codes have eight bits.
    const REG_INT: u8 = bindings::ZPCI_MOD_FC_REG_INT as u8;
    const DEREG_INT: u8 = bindings::ZPCI_MOD_FC_DEREG_INT as u8;
    const REG_INT_D: u8 = bindings::ZPCI_MOD_FC_REG_INT_D as u8;
    const DEREG_INT_D: u8 = bindings::ZPCI_MOD_FC_DEREG_INT_D as u8;
    const CC_ERROR: u8 = 1;
    const CC_GONE: u8 = 3;
    const NOT_REGISTERED: u8 = 24;

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
    /// # Errors
    ///
    /// Those of the queries to the platform, and [`ENOMEM`].
    pub fn create(fid: FunctionId, fh: FunctionHandle, state: State) -> Result {
        // SAFETY: Always safe to call in process context.
        let zdev = crate::error::from_err_ptr(unsafe {
            bindings::zpci_create_device(fid.as_raw(), fh.as_raw(), state.into_raw())
        })?;

        // SAFETY: The function is new and not known to anybody.
        to_result(unsafe { bindings::zpci_add_device(zdev) }).inspect_err(|_| {
            // A walk through the functions of a bus may have come across it.
            // SAFETY: Always safe to call in process context.
            unsafe { bindings::synchronize_rcu() };
            // SAFETY: Adding has failed, so the function is ours alone again.
            unsafe { bindings::kfree(zdev.cast()) }
        })
    }

    /// Asks the platform for the state of a function.
    ///
    /// # Errors
    ///
    /// Those of the query.
    pub fn query_state(&self) -> Result<State> {
        let mut state = MaybeUninit::uninit();

        // SAFETY: The pointer is to a local that is written to if the query succeeds.
        to_result(unsafe { bindings::clp_get_state(self.fid().as_raw(), state.as_mut_ptr()) })?;
        // SAFETY: The query has succeeded.
        Ok(State::from_raw(unsafe { state.assume_init() }))
    }
}

/// What user space is told of a function that it drives.
#[cfg(CONFIG_VFIO_PCI_ZDEV_RUST)]
impl Device {
    /// The capability that [`Device::utility_string`] goes into.
    // CAST: Capability IDs have 16 bits.
    pub const UTILITY_STRING_CAPABILITY: u16 = bindings::VFIO_DEVICE_INFO_CAP_ZPCI_UTIL as u16;

    /// The capability that [`Device::function_path`] goes into.
    // CAST: As above.
    pub const FUNCTION_PATH_CAPABILITY: u16 = bindings::VFIO_DEVICE_INFO_CAP_ZPCI_PFIP as u16;

    /// Fills in what is known of the function itself, in version 3 of its capability.
    pub fn base_capability(&self, cap: &mut bindings::vfio_device_info_cap_zpci_base) {
        // CAST: Capability IDs have 16 bits, and an event has 32 bytes.
        cap.header.id = bindings::VFIO_DEVICE_INFO_CAP_ZPCI_BASE as u16;
        cap.header.version = 3;
        cap.fh = self.fh().as_raw();
        cap.ccdf_err_length = super::ErrorEvent::SIZE as u32;
        // SAFETY: By the type invariant the function is valid. What is read does not change while
        // the function has its PCI device.
        unsafe {
            let zdev = self.as_raw();

            cap.start_dma = (*zdev).start_dma;
            cap.end_dma = (*zdev).end_dma;
            cap.pchid = (*zdev).pchid;
            cap.vfn = (*zdev).vfn;
            cap.fmb_length = (*zdev).fmb_length;
            cap.pft = (*zdev).pft;
            cap.gid = (*zdev).pfgid;
        }
    }

    /// Fills in what is known of the function's group, in version 2 of its capability.
    pub fn group_capability(&self, cap: &mut bindings::vfio_device_info_cap_zpci_group) {
        // CAST: Capability IDs and the numbers of interrupts and of bytes have 16 bits.
        cap.header.id = bindings::VFIO_DEVICE_INFO_CAP_ZPCI_GROUP as u16;
        cap.header.version = 2;
        cap.flags = bindings::VFIO_DEVICE_INFO_ZPCI_FLAG_REFRESH.into();
        cap.maxstbl = bindings::ZPCI_MAX_WRITE_SIZE as u16;
        // SAFETY: By the type invariant the function is valid. What is read does not change while
        // the function has its PCI device, but for the interval, which is a number that is read at
        // once.
        unsafe {
            let zdev = self.as_raw();

            cap.dasm = (*zdev).dma_mask;
            cap.msi_addr = (*zdev).msi_addr;
            cap.mui = (*zdev).fmb_update;
            cap.noi = (*zdev).max_msi as u16;
            cap.version = (*zdev).version;
            cap.imaxstbl = (*zdev).maxstbl;
        }
    }

    /// Returns the function's utility string, if it has one.
    pub fn utility_string(&self) -> Option<[u8; bindings::CLP_UTIL_STR_LEN as usize]> {
        // SAFETY: By the type invariant the function is valid; both are copied.
        unsafe { ((*self.as_raw()).util_str_avail() != 0).then(|| (*self.as_raw()).util_str) }
    }

    /// Returns the function's internal path.
    pub fn function_path(&self) -> [u8; bindings::CLP_PFIP_NR_SEGMENTS as usize] {
        // SAFETY: By the type invariant the function is valid; the path is copied.
        unsafe { (*self.as_raw()).pfip }
    }

    /// Says that an owner has left the function in error, so that the host brings it back when it
    /// can.
    #[inline(never)]
    pub fn abandon(&self) {
        // SAFETY: By the type invariant the function is valid.
        unsafe { bindings::zpci_recovery_abandoned(self.as_raw()) };
    }

    /// Takes the function from its virtual machine. The function's handle changes, so that
    /// `state_lock` is held, unless its holder waits for the caller to take the function away.
    #[inline(never)]
    pub fn unregister_kvm(&self, _state: Option<&StateGuard<'_>>) {
        // SAFETY: By the type invariant the function is valid.
        unsafe { bindings::zpci_kvm_unregister(self.as_raw()) };
    }
}

/// What the locks protect of an owner's coming.
#[cfg(CONFIG_VFIO_PCI_ZDEV_RUST)]
impl DeviceGuard<'_> {
    /// Begins a session: user space opens the function, and is its owner from now on. `guest` says
    /// whether KVM has it.
    ///
    /// # Errors
    ///
    /// [`EAGAIN`] if the function is in error, [`EBUSY`] if it has an owner, [`ENOMEM`].
    pub fn begin_session(&self, guest: bool) -> Result {
        let recovery = self.state().zdev().recovery()?;

        recovery.open(guest)?;
        // An event from before that is none of the new owner's, so the function must work.
        if super::is_in_error(self.pdev()) {
            recovery.close();
            return Err(EAGAIN);
        }
        Ok(())
    }
}

#[cfg(CONFIG_VFIO_PCI_ZDEV_RUST)]
impl StateGuard<'_> {
    /// Lets a virtual machine interpret the function's instructions. The function's handle
    /// changes.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if KVM cannot, or its own errors.
    #[inline(never)]
    pub fn register_kvm(&self, kvm: crate::vfio::Kvm<'_>) -> Result {
        // SAFETY: By their type invariants the function and the machine are valid.
        to_result(unsafe { bindings::zpci_kvm_register(self.zdev().as_raw(), kvm.as_ptr()) })
    }
}

crate::static_assert!(core::mem::size_of::<Fib>() == core::mem::size_of::<bindings::zpci_fib>());
