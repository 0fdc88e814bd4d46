// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::workqueue`: a queue with one worker, which is a thread of the model.
//!
//! A work item is in the queue at most once. It may be put there again as soon as it has begun to
//! run, and does not run twice at the same time.

use crate::{
    prelude::*,
    sync::{
        Arc,
        LockClassKey, //
    },
    time::Change, //
};
use loom::sync::{
    Condvar,
    Mutex, //
};
use std::{
    collections::VecDeque,
    marker::PhantomData,
    sync::atomic::{
        AtomicBool,
        Ordering::Relaxed, //
    }, //
};

pub(crate) struct Work<T> {
    /// Whether it is in the queue. Only touched under the queue's lock.
    pending: AtomicBool,
    item: PhantomData<fn(T)>,
}

/// One whose delay is over at once.
pub(crate) type DelayedWork<T> = Work<T>;

impl<T> Work<T> {
    pub(crate) fn new(_name: &CStr, _class: Pin<&LockClassKey>) -> Self {
        Self::unnamed()
    }

    pub(crate) fn unnamed() -> Self {
        Self {
            pending: AtomicBool::new(false),
            item: PhantomData,
        }
    }
}

pub(crate) trait HasWork: Sized {
    fn work(&self) -> &Work<Self>;
}

pub(crate) trait WorkItem {
    type Pointer;

    fn run(this: Self::Pointer);
}

macro_rules! impl_has_work {
    (impl $({$($generics:tt)*})? $_trait:ident<Self> for $type:ty { self.$field:ident }) => {
        impl $(<$($generics)*>)? $crate::workqueue::HasWork for $type {
            fn work(&self) -> &$crate::workqueue::Work<Self> {
                &self.$field
            }
        }
    };
}
pub(crate) use impl_has_work;
pub(crate) use impl_has_work as impl_has_delayed_work;

macro_rules! new_delayed_work {
    ($name:literal) => {
        $crate::workqueue::Work::unnamed()
    };
}
pub(crate) use new_delayed_work;

trait Queued {
    fn begin(&self);
    fn run(self: Box<Self>);
}

impl<T: HasWork + WorkItem<Pointer = Self>> Queued for Arc<T> {
    fn begin(&self) {
        self.work().pending.store(false, Relaxed);
    }

    fn run(self: Box<Self>) {
        T::run(*self);
    }
}

#[derive(Default)]
struct State {
    items: VecDeque<Box<dyn Queued>>,
    ended: bool,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

loom::lazy_static! {
    static ref QUEUE: Queue = Queue {
        state: Mutex::new(State::default()),
        changed: Condvar::new(),
    };
}

impl Queue {
    /// There is one, whatever the pointer says.
    pub(crate) fn from_raw(_queue: *mut ()) -> &'static Self {
        Self::get()
    }

    pub(crate) fn get() -> &'static Self {
        &QUEUE
    }

    pub(crate) fn enqueue<T>(&self, item: Arc<T>) -> Result<(), Arc<T>>
    where
        T: HasWork + WorkItem<Pointer = Arc<T>> + 'static,
    {
        let mut state = self.state.lock().unwrap();

        if item.work().pending.swap(true, Relaxed) {
            return Err(item);
        }
        state.items.push_back(Box::new(item));
        self.changed.notify_one();
        Ok(())
    }

    pub(crate) fn enqueue_delayed<T>(&self, item: Arc<T>, _jiffies: u32) -> Result<(), Arc<T>>
    where
        T: HasWork + WorkItem<Pointer = Arc<T>> + 'static,
    {
        self.enqueue(item)
    }

    /// Runs what is in the queue and what comes, until there is nothing and it has been ended.
    pub(crate) fn work(&self) {
        loop {
            let mut state = self.state.lock().unwrap();

            while state.items.is_empty() && !state.ended {
                state = self.changed.wait(state).unwrap();
            }
            let Some(item) = state.items.pop_front() else {
                return;
            };

            item.begin();
            drop(state);
            let _change = Change;

            item.run();
        }
    }

    /// Says that nothing comes anymore but from what runs.
    pub(crate) fn end(&self) {
        self.state.lock().unwrap().ended = true;
        self.changed.notify_one();
    }
}
