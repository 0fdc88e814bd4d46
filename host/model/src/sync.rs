// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::sync`. Locks and atomics are those of loom, which tries all orders of the
//! threads' accesses.

use crate::prelude::*;
use loom::sync as model;
use pinned_init::{
    InPlaceInit,
    PinInit, //
};
use std::{
    any::{
        Any,
        TypeId, //
    },
    cell::{
        Cell,
        RefCell, //
    },
    collections::HashMap,
    marker::PhantomData,
    ops::{
        Deref,
        DerefMut, //
    },
    sync as host, //
};

loom::thread_local! {
    static SPINLOCKS: Cell<u32> = Cell::new(0);
}

/// Panics if the caller holds a spinlock. Functions that may sleep call this.
pub(crate) fn may_sleep() {
    SPINLOCKS.with(|held| assert_eq!(held.get(), 0, "sleeps under a spinlock"));
}

pub(crate) struct Mutex<T> {
    lock: model::Mutex<T>,
    released: crate::time::Thing,
}

pub(crate) type MutexGuard<'a, T> = lock::Guard<'a, T, lock::mutex::MutexBackend>;

impl<T> Mutex<T> {
    pub(crate) fn unnamed(value: T) -> Self {
        Self {
            lock: model::Mutex::new(value),
            released: crate::time::Thing::new(),
        }
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.released
            .attempt(|| self.lock.try_lock().ok())
            .map(|guard| lock::Guard {
                guard: Some(guard),
                released: self.released,
                backend: PhantomData,
            })
    }
}

pub(crate) mod lock {
    use super::*;

    pub(crate) mod mutex {
        pub(crate) struct MutexBackend;
    }

    pub(crate) struct Guard<'a, T, B> {
        pub(super) guard: Option<model::MutexGuard<'a, T>>,
        pub(super) released: crate::time::Thing,
        pub(super) backend: PhantomData<B>,
    }

    impl<T, B> Drop for Guard<'_, T, B> {
        fn drop(&mut self) {
            self.guard.take();
            self.released.happened();
        }
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

    use loom::sync::atomic::{
        AtomicBool,
        AtomicU32, //
    };

    /// A type that the files have atomics of, with the model's atomic.
    pub(crate) trait Value: Sized {
        type Model: From<Self>;
    }

    impl Value for u32 {
        type Model = AtomicU32;
    }

    impl Value for bool {
        type Model = AtomicBool;
    }

    pub(crate) struct Atomic<T: Value>(T::Model);

    impl<T: Value> Atomic<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(value.into())
        }
    }

    impl<T: Value> std::ops::Deref for Atomic<T> {
        type Target = T::Model;

        fn deref(&self) -> &T::Model {
            &self.0
        }
    }
}

thread_local! {
    static ONCE: RefCell<HashMap<TypeId, Pin<Box<dyn Any + Send + Sync>>>> = RefCell::new(HashMap::new());
}

/// Forgets all values, before the next order begins.
pub(crate) fn reset() {
    ONCE.take();
}

/// A value that is made once in each order. Each type can have one such value.
pub(crate) struct SetOnce<T>(PhantomData<fn() -> T>);

impl<T: Send + Sync + 'static> SetOnce<T> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }

    pub(crate) fn populate(&self, value: T) -> bool {
        ONCE.with_borrow_mut(|once| once.insert(TypeId::of::<T>(), Box::pin(value)).is_none())
    }

    pub(crate) fn as_ref(&self) -> Option<&'static T> {
        ONCE.with_borrow(|once| {
            let value = once.get(&TypeId::of::<T>())?.downcast_ref::<T>()?;

            // SAFETY: The value stays until the next order begins, when all threads of this one
            // have ended.
            Some(unsafe { &*std::ptr::from_ref(value) })
        })
    }
}

/// The reference counts are those of the host's standard library: the model does not check them.
pub(crate) struct Arc<T>(Pin<host::Arc<T>>);

impl<T> Arc<T> {
    pub(crate) fn pin_init(init: impl PinInit<T>, _flags: Flags) -> Result<Self> {
        may_sleep();
        host::Arc::pin_init(init).map(Self).map_err(|_| ENOMEM)
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

pub(crate) mod aref {
    use crate::zpci;
    use std::sync::Arc;

    /// A reference to a function or to the function's PCI device; each of the two keeps the other
    /// one.
    pub(crate) struct ARef<T> {
        owner: Arc<zpci::Device>,
        to: *const T,
    }

    // SAFETY: `Device` may be used on any thread, see its `Send`.
    unsafe impl<T> Send for ARef<T> {}

    // SAFETY: `Device` may be used on any thread, see its `Send`.
    unsafe impl<T> Sync for ARef<T> {}

    pub(crate) trait Owned {
        fn owner(&self) -> Arc<zpci::Device>;
    }

    impl<T: Owned> From<&T> for ARef<T> {
        fn from(to: &T) -> Self {
            Self {
                owner: to.owner(),
                to,
            }
        }
    }

    impl<T> Clone for ARef<T> {
        fn clone(&self) -> Self {
            Self {
                owner: self.owner.clone(),
                to: self.to,
            }
        }
    }

    impl<T> std::ops::Deref for ARef<T> {
        type Target = T;

        fn deref(&self) -> &T {
            // SAFETY: `owner` contains the value, and this reference keeps `owner`.
            unsafe { &*self.to }
        }
    }
}
