// SPDX-License-Identifier: GPL-2.0-only

//! Queues whose items are handled one after the other, in a work item of the queue's own.

use crate::{
    bindings,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow,
        LockClassKey,
        Mutex, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
    workqueue::{
        self,
        impl_has_work,
        Work,
        WorkItem, //
    }, //
};

/// The workqueue for what is done about events. It may be about the disk that memory is to be
/// reclaimed to, so that the queue has a worker of its own in reserve.
pub(super) fn workqueue() -> &'static workqueue::Queue {
    // SAFETY: The queue is made early during boot, before there are functions, and stays.
    unsafe { workqueue::Queue::from_raw(bindings::zpci_workqueue()) }
}

/// How often something that needs memory is tried.
const TRIES: u32 = 100;

/// Something that is handled in its turn.
pub trait Item: Send + Sized {
    /// Handles it. May sleep.
    fn handle(self);
}

/// A queue whose items are handled one after the other, in the order in which they were added.
///
/// Whatever holds one queue up holds up no other. For one item there is room without memory, so
/// that whoever is to be told of one that is not added will hear of another.
#[pin_data]
pub struct SerialQueue<T: Item + 'static> {
    #[pin]
    waiting: Mutex<KVec<T>>,
    #[pin]
    work: Work<SerialQueue<T>>,
}

impl_has_work! {
    impl{T: Item + 'static} HasWork<Self> for SerialQueue<T> { self.work }
}

impl<T: Item + 'static> WorkItem for SerialQueue<T> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        while let Some(item) = this.next() {
            item.handle();
        }
    }
}

impl<T: Item + 'static> SerialQueue<T> {
    /// Makes an empty queue. The name and the classes are for lockdep: those of the lock and of the
    /// work item, of which each kind of queue has its own.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(
        name: &'static CStr,
        lock: Pin<&'static LockClassKey>,
        work: Pin<&'static LockClassKey>,
    ) -> Result<Arc<Self>> {
        let room = KVec::with_capacity(1, GFP_KERNEL)?;

        Arc::pin_init(
            pin_init!(Self {
                waiting <- Mutex::new(room, name, lock),
                work <- Work::new(name, work),
            }),
            GFP_KERNEL,
        )
    }

    fn next(&self) -> Option<T> {
        self.waiting.lock().remove(0).ok()
    }

    #[inline(never)]
    fn try_add(&self, item: T, limit: Option<usize>) -> Result<(), T> {
        let mut waiting = self.waiting.lock();

        if limit.is_some_and(|limit| waiting.len() >= limit) {
            return Err(item);
        }
        // For the next one as well, which comes perhaps when there is no memory.
        let _ = waiting.reserve(2, GFP_KERNEL);
        waiting.push_within_capacity(item).map_err(|full| full.0)
    }

    /// Adds an item, and returns it if there is no memory, or no room: an item with a `limit` is
    /// only added if fewer items wait, and only the others are worth waiting for memory. May
    /// sleep, for memory only.
    pub fn add(self: ArcBorrow<'_, Self>, mut item: T, limit: Option<usize>) -> Result<(), T> {
        for _ in 0..TRIES {
            match self.try_add(item, limit) {
                Ok(()) => {
                    // If the work item waits already it will find the new item.
                    let _ = workqueue().enqueue(Arc::from(self));
                    return Ok(());
                }
                Err(back) => item = back,
            }
            if limit.is_some() {
                break;
            }
            fsleep(Delta::from_millis(10));
        }
        Err(item)
    }
}
