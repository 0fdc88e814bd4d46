// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `device.rs`, and for the PCI core: a machine with one function.

use super::{
    pci::write_channel_state,
    platform::{
        config,
        platform, //
    },
    ChannelState,
    FunctionHandle,
    FunctionId,
    Recovery, //
};
use crate::{
    arch,
    bindings,
    pci,
    prelude::*,
    sync::{
        aref::{
            ARef,
            Owned, //
        },
        Mutex, //
    },
    time::Thing, //
};
use loom::sync::atomic::{
    AtomicBool,
    AtomicU32,
    Ordering::{
        Acquire,
        Relaxed,
        Release, //
    }, //
};
use std::{
    cell::{
        Cell,
        RefCell,
        UnsafeCell, //
    },
    sync::Weak, //
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Standby,
    Configured,
    Reserved,
}

impl State {
    pub(crate) fn of(_fid: FunctionId) -> Result<Self> {
        Ok(if platform().gone {
            Self::Standby
        } else {
            Self::Configured
        })
    }
}

pub(crate) struct Device {
    this: Weak<Device>,
    raw: UnsafeCell<bindings::zpci_dev>,
    pdev: pci::Device,
    recovery: Pin<KBox<Recovery>>,
    state_lock: Mutex<()>,
    is_bound: AtomicBool,
    is_open: Cell<bool>,
    closed: Thing,
    eventfd: AtomicBool,
    signals: AtomicU32,
    signalled: Thing,
}

// SAFETY: Locks protect the fields that are not thread-safe, or the fields are read and written at
// once.
unsafe impl Send for Device {}

// SAFETY: The same as for `Send`.
unsafe impl Sync for Device {}

thread_local! {
    static ALIVE: Cell<usize> = const { Cell::new(0) };
    static KNOWN: RefCell<Weak<Device>> = const { RefCell::new(Weak::new()) };
}

impl Drop for Device {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
    }
}

impl Owned for Device {
    fn owner(&self) -> std::sync::Arc<Self> {
        self.this.upgrade().unwrap()
    }
}

impl Device {
    pub(crate) const HANDLE: FunctionHandle = FunctionHandle::new(0x8000_0001);

    pub(crate) fn new() -> ARef<Self> {
        let device = std::sync::Arc::new_cyclic(|this| Self {
            this: this.clone(),
            raw: UnsafeCell::new(bindings::zpci_dev {
                state: State::Configured as bindings::zpci_state,
                resets: AtomicU32::new(0),
                pdev: AtomicBool::new(true),
            }),
            pdev: pci::Device::new(this),
            recovery: Recovery::new(arch::HANDLER).unwrap(),
            state_lock: Mutex::unnamed(()),
            is_bound: AtomicBool::new(true),
            is_open: Cell::new(false),
            closed: Thing::new(),
            eventfd: AtomicBool::new(false),
            signals: AtomicU32::new(0),
            signalled: Thing::new(),
        });

        ALIVE.set(ALIVE.get() + 1);
        KNOWN.replace(std::sync::Arc::downgrade(&device));
        (&*device).into()
    }

    /// Returns how many functions exist.
    pub(crate) fn alive() -> usize {
        ALIVE.get()
    }

    pub(crate) fn of(pdev: &pci::Device) -> &Self {
        pdev.zdev()
    }

    pub(crate) fn by_fid(_fid: FunctionId) -> Option<ARef<Self>> {
        let known = KNOWN.with_borrow(Weak::upgrade)?;

        Some((&*known).into())
    }

    /// There is only one function, and no virtual one.
    pub(crate) fn for_each(_f: impl FnMut(&Self)) {}

    pub(crate) fn physical_to_come(&self) -> Option<ARef<Self>> {
        None
    }

    pub(crate) fn is_virtual_of(&self, _physical: &Self) -> bool {
        false
    }

    pub(crate) fn find_new() {
        unreachable!()
    }

    pub(crate) fn create(
        _fid: FunctionId,
        _fh: FunctionHandle,
        _state: State,
    ) -> Result<Option<ARef<Self>>> {
        unreachable!()
    }

    pub(crate) fn as_raw(&self) -> *mut bindings::zpci_dev {
        self.raw.get()
    }

    pub(crate) fn fid(&self) -> FunctionId {
        FunctionId::new(1)
    }

    pub(crate) fn fh(&self) -> FunctionHandle {
        if platform().enabled {
            Self::HANDLE
        } else {
            FunctionHandle::new(1)
        }
    }

    pub(crate) fn state(&self) -> State {
        // SAFETY: The state is read at once.
        let raw = unsafe { (&raw const (*self.as_raw()).state).read_volatile() };

        [State::Standby, State::Configured, State::Reserved][raw as usize]
    }

    pub(crate) fn pdev(&self) -> Option<ARef<pci::Device>> {
        // SAFETY: The function is valid.
        unsafe { bindings::has_pdev(self.as_raw()) }.then(|| (&self.pdev).into())
    }

    pub(crate) fn has_pdev(&self) -> bool {
        self.pdev().is_some()
    }

    /// Returns the device, also while the PCI core does not have it.
    pub(crate) fn device(&self) -> &pci::Device {
        &self.pdev
    }

    pub(crate) fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    pub(crate) fn generation(&self) -> u32 {
        // SAFETY: The function is valid.
        let resets = unsafe { (*self.as_raw()).resets.load(Acquire) };

        resets.wrapping_add(self.recovery.opened.load(Acquire))
    }

    pub(super) fn state_lock(&self) -> &Mutex<()> {
        &self.state_lock
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.recovery.is_gone()
    }

    pub(crate) fn mark_as_gone(&self) {
        if let Some(pdev) = self.pdev() {
            write_channel_state(&pdev, ChannelState::PermanentFailure);
        }
    }

    /// Unbinds the driver. This waits until user space closes the device.
    pub(crate) fn unbind(&self) -> bool {
        // SAFETY: The device is valid.
        unsafe {
            if bindings::pci_dev_trylock(self.pdev.as_raw()) == 0 {
                return false;
            }
            bindings::pci_dev_unlock(self.pdev.as_raw());
            bindings::pci_dev_lock(self.pdev.as_raw());
        }
        // Wakes threads that poll for processed items; this thread waits for them now.
        Thing::PROCESSED.happened();
        self.closed.wait(|| (!self.is_open.get()).then_some(()));
        self.is_bound.store(false, Relaxed);
        // SAFETY: The lock is held.
        unsafe { bindings::pci_dev_unlock(self.pdev.as_raw()) };
        true
    }

    /// Whether the function works, and is in the normal channel state.
    pub(crate) fn is_in_order(&self) -> bool {
        !platform().is_in_error() && super::channel_state(&self.pdev) == ChannelState::Normal
    }

    pub(crate) fn is_bound(&self) -> bool {
        self.is_bound.load(Relaxed)
    }

    /// Notes that user space has opened or closed the device.
    pub(crate) fn set_open(&self, open: bool) {
        self.is_open.set(open);
        self.closed.happened();
    }

    /// Registers or takes back the error eventfd.
    pub(crate) fn set_eventfd(&self, registered: bool) {
        self.eventfd.store(registered, Relaxed);
    }

    pub(crate) fn has_eventfd(&self) -> bool {
        self.eventfd.load(Relaxed)
    }

    /// Signals the error eventfd, if it is registered.
    pub(crate) fn signal(&self) {
        if self.has_eventfd() {
            self.signals.fetch_add(1, Release);
            self.signalled.happened();
        }
    }

    /// Returns how many signals of the error eventfd no owner has waited for.
    pub(crate) fn signals(&self) -> u32 {
        self.signals.load(Acquire)
    }

    /// Waits until the error eventfd is signalled.
    pub(crate) fn wait(&self) {
        self.signalled
            .wait(|| (self.signals.swap(0, Acquire) > 0).then_some(()));
    }
}

/// Sets the channel state to normal, like the PCI core when it finds the function anew.
pub(crate) fn mark_as_working(zdev: &Device) {
    write_channel_state(&zdev.pdev, ChannelState::Normal);
}

/// Resets a function as the PCI core does: through its slot, or by itself.
pub(crate) fn reset_function(zdev: &Device, slot: bool) -> Result {
    let pdev = zdev.pdev.as_raw();

    // SAFETY: The device is valid, and its lock is held during all following calls.
    unsafe {
        if bindings::pci_dev_trylock(pdev) == 0 {
            return Err(EAGAIN);
        }
        (*pdev).set_state_saved(0);
        if super::config_accessible(&zdev.pdev) {
            bindings::pci_save_state(pdev);
            (*pdev).set_state_saved(super::config_accessible(&zdev.pdev).into());
            // CAST: The register has 16 bits.
            bindings::pci_write_config_word(
                pdev,
                bindings::PCI_COMMAND as c_int,
                bindings::PCI_COMMAND_INTX_DISABLE as u16,
            );
        }
        let result = if slot {
            arch::reset_slot(zdev)
        } else {
            to_result(bindings::__pci_reset_function_locked(pdev))
        };

        bindings::pci_restore_state(pdev);
        bindings::pci_dev_unlock(pdev);
        result
    }
}

/// Resets a function that vfio closes: config space is to be as it was when it was opened.
pub(crate) fn reset_closed(zdev: &Device) {
    let pdev = zdev.pdev.as_raw();

    // SAFETY: The device is valid, and nobody else has its copy of config space once it is locked.
    unsafe {
        if bindings::pci_dev_trylock(pdev) == 0 {
            return;
        }
        (*pdev).saved_config_space = config::FOUND;
        (*pdev).set_state_saved(1);
        bindings::pci_write_config_word(
            pdev,
            bindings::PCI_COMMAND as c_int,
            bindings::PCI_COMMAND_INTX_DISABLE as u16,
        );
        bindings::__pci_reset_function_locked(pdev);
        bindings::pci_restore_state(pdev);
        bindings::pci_dev_unlock(pdev);
    }
}
