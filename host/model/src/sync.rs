// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::sync`. The locks and the atomics are loom's, which tries the orders in
//! which threads can come to them.

use crate::prelude::*;
use loom::sync as model;
use pinned_init::{
    InPlaceInit,
    PinInit, //
};
use std::{
    cell::Cell,
    ops::{
        Deref,
        DerefMut, //
    },
    sync as host, //
};

loom::thread_local! {
    static SPINLOCKS: Cell<u32> = Cell::new(0);
}

/// What may sleep says so here, and is wrong under a spinlock.
pub(crate) fn may_sleep() {
    SPINLOCKS.with(|held| assert_eq!(held.get(), 0, "sleeps under a spinlock"));
}

pub(crate) struct LockClassKey;

macro_rules! static_lock_class {
    () => {
        ::std::pin::Pin::new(&$crate::sync::LockClassKey)
    };
}
pub(crate) use static_lock_class;

pub(crate) struct Mutex<T>(model::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T, _name: &CStr, _class: Pin<&'static LockClassKey>) -> Self {
        Self::unnamed(value)
    }

    pub(crate) fn unnamed(value: T) -> Self {
        Self(model::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> model::MutexGuard<'_, T> {
        may_sleep();
        self.0.lock().unwrap()
    }

    pub(crate) fn try_lock(&self) -> Option<model::MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }
}

macro_rules! new_mutex {
    ($value:expr, $name:literal) => {
        $crate::sync::Mutex::unnamed($value)
    };
}
pub(crate) use new_mutex;

pub(crate) struct SpinLock<T>(model::Mutex<T>);

pub(crate) struct SpinLockGuard<'a, T>(model::MutexGuard<'a, T>);

impl<T> SpinLock<T> {
    pub(crate) fn unnamed(value: T) -> Self {
        Self(model::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> SpinLockGuard<'_, T> {
        let guard = self.0.lock().unwrap();

        SPINLOCKS.with(|held| held.set(held.get() + 1));
        SpinLockGuard(guard)
    }
}

impl<T> Drop for SpinLockGuard<'_, T> {
    fn drop(&mut self) {
        SPINLOCKS.with(|held| held.set(held.get() - 1));
    }
}

impl<T> Deref for SpinLockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for SpinLockGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

macro_rules! new_spinlock {
    ($value:expr, $name:literal) => {
        $crate::sync::SpinLock::unnamed($value)
    };
}
pub(crate) use new_spinlock;

pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::Ordering::{
        Acquire,
        Relaxed,
        Release, //
    };

    /// Only numbers of 32 bits are needed.
    pub(crate) struct Atomic<T>(loom::sync::atomic::AtomicU32, std::marker::PhantomData<T>);

    impl Atomic<u32> {
        pub(crate) fn new(value: u32) -> Self {
            Self(
                loom::sync::atomic::AtomicU32::new(value),
                std::marker::PhantomData,
            )
        }

        pub(crate) fn xchg(&self, value: u32, ordering: loom::sync::atomic::Ordering) -> u32 {
            self.0.swap(value, ordering)
        }
    }

    impl std::ops::Deref for Atomic<u32> {
        type Target = loom::sync::atomic::AtomicU32;

        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }
}

/// References are counted as the host does it: whether that is right is not what is looked at.
pub(crate) struct Arc<T>(Pin<host::Arc<T>>);

impl<T> Arc<T> {
    pub(crate) fn new(value: T, _flags: Flags) -> Result<Self> {
        Ok(Self(host::Arc::pin(value)))
    }

    pub(crate) fn pin_init(init: impl PinInit<T>, _flags: Flags) -> Result<Self> {
        host::Arc::pin_init(init).map(Self).map_err(|_| ENOMEM)
    }

    pub(crate) fn as_arc_borrow(&self) -> ArcBorrow<'_, T> {
        ArcBorrow(self)
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

pub(crate) struct ArcBorrow<'a, T>(&'a Arc<T>);

impl<T> Clone for ArcBorrow<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ArcBorrow<'_, T> {}

impl<T> Deref for ArcBorrow<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}

impl<T> From<ArcBorrow<'_, T>> for Arc<T> {
    fn from(borrow: ArcBorrow<'_, T>) -> Self {
        borrow.0.clone()
    }
}

pub(crate) mod aref {
    /// A reference to something that the kernel counts the references of.
    pub(crate) struct ARef<T>(pub(crate) std::sync::Arc<T>);

    impl<T> Clone for ARef<T> {
        fn clone(&self) -> Self {
            Self(self.0.clone())
        }
    }

    impl<T> std::ops::Deref for ARef<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }
}
