// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `device.rs`, and for the platform behind it: a machine with one function.

use super::{
    ChannelState,
    ErrorEvent,
    Event,
    Function,
    FunctionHandle,
    FunctionId,
    StateGuard, //
};
use crate::{
    event,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        ArcBorrow,
        Mutex, //
    }, //
};
use loom::sync::{
    atomic::{
        AtomicBool,
        AtomicU8,
        Ordering::Relaxed, //
    },
    Condvar,
    MutexGuard, //
};
use std::{
    cell::Cell,
    sync::{
        OnceLock,
        Weak, //
    }, //
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Configured,
}

/// What the platform knows of the function, and of its own reports.
#[derive(Default)]
pub(super) struct Platform {
    /// The function is in the error state.
    pub(super) blocked: bool,
    /// Events that have been reported.
    reported: usize,
    /// Those of them that the channel report thread has submitted.
    submitted: usize,
}

loom::lazy_static! {
    static ref PLATFORM: loom::sync::Mutex<Platform> = loom::sync::Mutex::new(Platform::default());
    static ref SUBMITTED: Condvar = Condvar::new();
}

pub(super) fn platform() -> MutexGuard<'static, Platform> {
    PLATFORM.lock().unwrap()
}

pub(crate) struct Device {
    this: Weak<Device>,
    function: OnceLock<Arc<Function>>,
    pub(super) state_lock: Mutex<()>,
    pub(super) device_lock: Mutex<()>,
    channel_state: AtomicU8,
    eventfd: AtomicBool,
    signals: loom::sync::Mutex<usize>,
    signalled: Condvar,
}

thread_local! {
    static ALIVE: Cell<usize> = const { Cell::new(0) };
}

impl Drop for Device {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
    }
}

impl From<&Device> for ARef<Device> {
    fn from(device: &Device) -> Self {
        Self(device.this.upgrade().unwrap())
    }
}

impl Device {
    pub(crate) const HANDLE: FunctionHandle = FunctionHandle::new(0x8000_0001);

    pub(crate) fn new() -> ARef<Self> {
        let device = std::sync::Arc::new_cyclic(|this| Self {
            this: this.clone(),
            function: OnceLock::new(),
            state_lock: Mutex::unnamed(()),
            device_lock: Mutex::unnamed(()),
            channel_state: AtomicU8::new(0),
            eventfd: AtomicBool::new(false),
            signals: loom::sync::Mutex::new(0),
            signalled: Condvar::new(),
        });

        ALIVE.set(ALIVE.get() + 1);
        assert!(device.function.set(Function::new().unwrap()).is_ok());
        ARef(device)
    }

    /// How many there are.
    pub(crate) fn alive() -> usize {
        ALIVE.get()
    }

    pub(crate) fn of(pdev: &crate::pci::Device) -> Option<&Self> {
        Some(&pdev.zdev)
    }

    pub(crate) fn fid(&self) -> FunctionId {
        FunctionId::new(1)
    }

    pub(crate) fn fh(&self) -> FunctionHandle {
        Self::HANDLE
    }

    pub(crate) fn state(&self) -> State {
        State::Configured
    }

    pub(crate) fn recovery(&self) -> Option<ArcBorrow<'_, Function>> {
        self.function.get().map(Arc::as_arc_borrow)
    }

    pub(crate) fn recovery_or_new(&self) -> Result<ArcBorrow<'_, Function>> {
        self.recovery().ok_or(ENOMEM)
    }

    pub(crate) fn lock_state(&self) -> StateGuard<'_> {
        StateGuard::new(self, self.state_lock.lock())
    }

    pub(crate) fn try_lock_state(&self) -> Option<StateGuard<'_>> {
        Some(StateGuard::new(self, self.state_lock.try_lock()?))
    }

    pub(crate) fn abandon(&self) {
        event::submit(self, Event::Abandoned);
    }

    pub(super) fn channel_state(&self) -> ChannelState {
        match self.channel_state.load(Relaxed) {
            0 => ChannelState::Normal,
            1 => ChannelState::Frozen,
            _ => ChannelState::PermanentFailure,
        }
    }

    pub(super) fn set_channel_state(&self, state: ChannelState) {
        self.channel_state.store(state as u8, Relaxed);
    }

    pub(crate) fn is_blocked(&self) -> bool {
        platform().blocked
    }

    /// Whether the function works, and is known to.
    pub(crate) fn is_in_order(&self) -> bool {
        !self.is_blocked() && self.channel_state() == ChannelState::Normal
    }

    /// Registers the error eventfd, or takes it back.
    pub(crate) fn set_eventfd(&self, registered: bool) {
        self.eventfd.store(registered, Relaxed);
    }

    pub(crate) fn has_eventfd(&self) -> bool {
        self.eventfd.load(Relaxed)
    }

    /// Signals the error eventfd, if it is registered.
    pub(crate) fn signal(&self) {
        if self.has_eventfd() {
            *self.signals.lock().unwrap() += 1;
            self.signalled.notify_all();
        }
    }

    /// How often the error eventfd was signalled and nobody has waited for it.
    pub(crate) fn signals(&self) -> usize {
        *self.signals.lock().unwrap()
    }

    /// Waits until the error eventfd is signalled.
    pub(crate) fn wait(&self) {
        let mut signals = self.signals.lock().unwrap();

        while *signals == 0 {
            signals = self.signalled.wait(signals).unwrap();
        }
        *signals = 0;
    }
}

/// The function gets into the error state, which is reported at once. This is the channel report
/// thread, too.
pub(crate) fn raise(zdev: &Device, event: ErrorEvent) {
    let mut now = platform();

    now.blocked = true;
    now.reported += 1;
    drop(now);
    event::submit(zdev, Event::Error(event));
    platform().submitted += 1;
    SUBMITTED.notify_all();
}

/// The function gets out of the error state.
pub(crate) fn unblock() {
    platform().blocked = false;
}

/// How many events have been reported.
pub(crate) fn reported() -> usize {
    platform().reported
}

/// Waits until all that the platform has reported so far has been submitted.
pub(crate) fn settle() {
    let mut now = platform();
    let until = now.reported;

    while now.submitted < until {
        now = SUBMITTED.wait(now).unwrap();
    }
}
