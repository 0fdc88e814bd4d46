// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::time`. Nothing takes time here: a thread that sleeps waits until another one
//! has done something.

use loom::sync::{
    Condvar,
    Mutex, //
};
pub(crate) use std::time::Duration as Delta;
use std::{
    cell::{
        Cell,
        RefCell, //
    },
    marker::PhantomData, //
};

pub(crate) type Jiffies = u32;

pub(crate) fn msecs_to_jiffies(msecs: u32) -> Jiffies {
    msecs
}

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

/// A condition for which threads poll, such as "a lock is free": a count of its changes.
#[derive(Clone, Copy)]
pub(crate) struct Thing(usize);

/// The conditions that this thread has found false, with their counts at that moment.
pub(crate) type Missed = Vec<(usize, usize)>;

// Not synchronized: all threads of a model run on one thread of the host, and loom switches between
// them only at its own objects.
thread_local! {
    static HAPPENED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

loom::lazy_static! {
    static ref LOCK: Mutex<()> = Mutex::new(());
    static ref CHANGED: Condvar = Condvar::new();
}

loom::thread_local! {
    static MISSED: RefCell<Missed> = RefCell::new(Vec::new());
    static SEEN: Cell<usize> = Cell::new(0);
}

impl Thing {
    /// The workqueue has processed an item.
    pub(crate) const PROCESSED: Self = Self(0);

    pub(crate) fn new() -> Self {
        HAPPENED.with_borrow_mut(|happened| {
            happened.push(0);
            Self(happened.len() - 1)
        })
    }

    fn count(self) -> usize {
        HAPPENED.with_borrow(|happened| happened[self.0])
    }

    pub(crate) fn happened(self) {
        HAPPENED.with_borrow_mut(|happened| happened[self.0] += 1);
        drop(LOCK.lock());
        CHANGED.notify_all();
    }

    /// Calls `attempt`. If it fails, the thread's next sleep lasts until this condition changes.
    pub(crate) fn attempt<R>(self, attempt: impl FnOnce() -> Option<R>) -> Option<R> {
        let before = self.count();
        let result = attempt();

        if result.is_none() {
            MISSED.with(|missed| missed.borrow_mut().push((self.0, before)));
        }
        result
    }

    /// Waits until `attempt` works.
    pub(crate) fn wait<R>(self, mut attempt: impl FnMut() -> Option<R>) -> R {
        loop {
            let before = self.count();

            if let Some(result) = attempt() {
                return result;
            }
            wait_until(|| self.count() != before);
        }
    }
}

/// Forgets all conditions, before the next order begins.
pub(crate) fn reset() {
    HAPPENED.replace(vec![0]);
}

/// Returns the number of changes of all conditions.
pub(crate) fn all() -> usize {
    HAPPENED.with_borrow(|happened| happened.iter().sum())
}

/// Returns the conditions that this thread has found false since the last call.
pub(crate) fn missed() -> Missed {
    MISSED.with(RefCell::take)
}

pub(crate) fn has_happened(missed: &Missed) -> bool {
    missed
        .iter()
        .any(|&(thing, before)| Thing(thing).count() != before)
}

/// Waits until some condition has changed. If none does, loom reports a deadlock; the kernel would
/// give up after a while.
pub(crate) fn wait_until(is_over: impl Fn() -> bool) {
    let mut guard = LOCK.lock().unwrap();

    while !is_over() {
        guard = CHANGED.wait(guard).unwrap();
    }
}

pub(crate) mod delay {
    use super::*;

    /// Sleeps until a condition changes that this thread has found false, or an item is processed.
    pub(crate) fn fsleep(_delta: Delta) {
        crate::sync::may_sleep();
        let missed = missed();

        SEEN.with(|seen| {
            wait_until(|| has_happened(&missed) || Thing::PROCESSED.count() != seen.get());
            seen.set(Thing::PROCESSED.count());
        });
    }
}
