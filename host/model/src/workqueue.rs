// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::workqueue`: a queue with one worker, which is a thread of the model.
//!
//! A work item is in the queue at most once. It can be queued again as soon as it runs, but never
//! runs twice at the same time.

use crate::{
    sync::Arc,
    time::{
        self,
        Missed,
        Thing, //
    }, //
};
use loom::sync::Mutex;
use std::{
    marker::PhantomData,
    sync::atomic::{
        AtomicBool,
        Ordering::Relaxed, //
    }, //
};

pub(crate) struct DelayedWork<T> {
    /// Whether the item is in the queue. Changed only under the queue's lock.
    pending: AtomicBool,
    item: PhantomData<fn(T)>,
}

impl<T> DelayedWork<T> {
    pub(crate) fn unnamed() -> Self {
        Self {
            pending: AtomicBool::new(false),
            item: PhantomData,
        }
    }
}

pub(crate) trait HasWork: Sized {
    fn work(&self) -> &DelayedWork<Self>;
}

pub(crate) trait WorkItem {
    type Pointer;

    fn run(this: Self::Pointer);
}

macro_rules! impl_has_delayed_work {
    (impl $({$($generics:tt)*})? $_trait:ident<Self> for $type:ty { self.$field:ident }) => {
        impl $(<$($generics)*>)? $crate::workqueue::HasWork for $type {
            fn work(&self) -> &$crate::workqueue::DelayedWork<Self> {
                &self.$field
            }
        }
    };
}
pub(crate) use impl_has_delayed_work;

macro_rules! new_delayed_work {
    ($name:literal) => {
        $crate::workqueue::DelayedWork::unnamed()
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
    /// Each item is stored with the conditions that make it run again.
    items: Vec<(Box<dyn Queued>, Missed)>,
    ended: bool,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Thing,
}

loom::lazy_static! {
    static ref QUEUE: Queue = Queue {
        state: Mutex::new(State::default()),
        changed: Thing::new(),
    };
}

impl Queue {
    /// The model has one queue; the pointer is not used.
    pub(crate) unsafe fn from_raw(_queue: *mut ()) -> &'static Self {
        Self::get()
    }

    pub(crate) fn get() -> &'static Self {
        &QUEUE
    }

    /// A short delay ends at once. A longer delay ends when a condition changes that the item has
    /// found false.
    pub(crate) fn enqueue_delayed<T>(
        &self,
        item: Arc<T>,
        delay: time::Jiffies,
    ) -> Result<(), Arc<T>>
    where
        T: HasWork + WorkItem<Pointer = Arc<T>> + 'static,
    {
        let missed = if delay > 1 {
            time::missed()
        } else {
            Missed::new()
        };
        let mut state = self.state.lock().unwrap();

        if item.work().pending.swap(true, Relaxed) {
            return Err(item);
        }
        state.items.push((Box::new(item), missed));
        drop(state);
        self.changed.happened();
        Ok(())
    }

    /// Runs items until the queue is empty and has been ended.
    pub(crate) fn work(&self) {
        loop {
            let before = time::all();
            let mut state = self.state.lock().unwrap();
            let is_due =
                |(_, missed): &(_, Missed)| missed.is_empty() || time::has_happened(missed);

            if let Some(due) = state.items.iter().position(is_due) {
                let (item, _) = state.items.remove(due);

                item.begin();
                drop(state);
                item.run();
                Thing::PROCESSED.happened();
            } else if state.ended && state.items.is_empty() {
                return;
            } else {
                drop(state);
                time::wait_until(|| time::all() != before);
            }
        }
    }

    /// Says that no items will be queued any more, except by running items.
    pub(crate) fn end(&self) {
        self.state.lock().unwrap().ended = true;
        self.changed.happened();
    }
}
