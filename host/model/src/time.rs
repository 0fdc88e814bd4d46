// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::time`: nothing takes time here, and who sleeps waits for others.

use loom::sync::{
    Condvar,
    Mutex, //
};
pub(crate) use std::time::Duration as Delta;
use std::{
    cell::Cell,
    marker::PhantomData, //
};

pub(crate) struct Monotonic;

pub(crate) struct Instant<C>(PhantomData<C>);

impl<C> Instant<C> {
    pub(crate) fn now() -> Self {
        Self(PhantomData)
    }

    pub(crate) fn as_nanos(&self) -> i64 {
        0
    }
}

/// Something that somebody may be waiting for by looking again and again. As a field after a guard
/// it says so when the guard is gone.
pub(crate) struct Change;

impl Drop for Change {
    fn drop(&mut self) {
        *CHANGES.lock().unwrap() += 1;
        CHANGED.notify_all();
    }
}

loom::lazy_static! {
    static ref CHANGES: Mutex<usize> = Mutex::new(0);
    static ref CHANGED: Condvar = Condvar::new();
}

loom::thread_local! {
    static SEEN: Cell<usize> = Cell::new(0);
}

pub(crate) mod delay {
    use super::*;

    /// Sleeps until something has changed since the last time. If nothing does, this is a deadlock;
    /// the kernel would give up after a while.
    pub(crate) fn fsleep(_delta: Delta) {
        crate::sync::may_sleep();
        if crate::prelude::is_exhausted() {
            return;
        }
        let mut changes = CHANGES.lock().unwrap();

        SEEN.with(|seen| {
            while *changes == seen.get() {
                changes = CHANGED.wait(changes).unwrap();
            }
            seen.set(*changes);
        });
    }
}
