// SPDX-License-Identifier: GPL-2.0-only

//! Queues whose items are processed one after the other, in a work item of the queue's own.

use crate::{
    bindings,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    },
    time::{
        msecs_to_jiffies,
        Jiffies, //
    },
    workqueue::{
        self,
        impl_has_delayed_work,
        DelayedWork,
        WorkItem, //
    }, //
};

/// The workqueue for what is done about events.
///
/// It has no worker in reserve for when there is no memory to make one: drivers that recover or
/// are removed here flush queues that have none either, which the kernel warns of.
pub(super) fn workqueue() -> &'static workqueue::Queue {
    // SAFETY: The queue is made early during boot, before there are functions, and stays.
    unsafe { workqueue::Queue::from_raw(bindings::zpci_workqueue()) }
}

/// What lockdep knows all queues by. It wants one name and one key for them, where a generic
/// function would have several.
mod class {
    use crate::{
        prelude::*,
        static_lock_class,
        sync::LockClassKey, //
    };

    pub(super) static NAME: &CStr = c"zpci::SerialQueue";

    pub(super) fn lock() -> Pin<&'static LockClassKey> {
        static_lock_class!()
    }

    pub(super) fn work() -> Pin<&'static LockClassKey> {
        static_lock_class!()
    }

    pub(super) fn timer() -> Pin<&'static LockClassKey> {
        static_lock_class!()
    }
}

/// How an attempt to process an item has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The item is done with.
    Done,
    /// Somebody else is busy with what the item is about. It is tried again, before all others.
    Later,
}

/// Something that is processed in its turn.
pub trait Item: Clone + Send + Sized {
    /// Processes it. May sleep, but not on a lock that user space may hold up.
    fn process(&self) -> Progress;
}

/// A queue whose items are processed one after the other, in the order in which they were added.
///
/// An item that holds its queue up holds up no other queue, and no worker. The queue's memory is
/// there from the start, so that adding waits for nothing.
///
/// # Examples
///
/// ```
/// use kernel::{prelude::*, zpci::{Item, Progress, SerialQueue}};
///
/// #[derive(Clone)]
/// struct Greeting(u32);
///
/// impl Item for Greeting {
///     fn process(&self) -> Progress {
///         pr_info!("Hello {}\n", self.0);
///         Progress::Done
///     }
/// }
///
/// let greetings = SerialQueue::new(8)?;
///
/// assert!(greetings.add(Greeting(1), 8).is_ok());
/// # Ok::<(), Error>(())
/// ```
#[pin_data]
pub struct SerialQueue<T: Item + 'static> {
    /// The first one stays here while it is processed.
    #[pin]
    items: SpinLock<KVec<T>>,
    #[pin]
    work: DelayedWork<SerialQueue<T>>,
}

impl_has_delayed_work! {
    impl{T: Item + 'static} HasDelayedWork<Self> for SerialQueue<T> { self.work }
}

impl<T: Item + 'static> WorkItem for SerialQueue<T> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        while let Some(item) = this.first() {
            if item.process() == Progress::Later {
                let _ = workqueue().enqueue_delayed(this, Self::pause());
                return;
            }
            // The lock is let go before the item is dropped.
            let done = this.items.lock().remove(0);

            drop(done);
        }
    }
}

impl<T: Item + 'static> SerialQueue<T> {
    /// Milliseconds until what is to be tried again is.
    const PAUSE: u32 = 10;

    fn pause() -> Jiffies {
        msecs_to_jiffies(Self::PAUSE)
    }

    /// Makes an empty queue for at most `room` items.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(room: usize) -> Result<Arc<Self>> {
        let items = KVec::with_capacity(room, GFP_KERNEL)?;

        Arc::pin_init(
            pin_init!(Self {
                items <- SpinLock::new(items, class::NAME, class::lock()),
                work <- DelayedWork::new(class::NAME, class::work(), class::NAME, class::timer()),
            }),
            GFP_KERNEL,
        )
    }

    fn first(&self) -> Option<T> {
        self.items.lock().first().cloned()
    }

    /// How many items of a kind there are, waiting or being processed.
    pub fn count(&self, mut is_of_kind: impl FnMut(&T) -> bool) -> usize {
        self.items
            .lock()
            .iter()
            .filter(|item| is_of_kind(item))
            .count()
    }

    fn push(&self, item: T, limit: usize) -> Result<(), T> {
        let mut items = self.items.lock();

        if items.len() >= limit {
            return Err(item);
        }
        items.push_within_capacity(item).map_err(|full| full.0)
    }

    /// Adds an item if fewer than `limit` are there; returns it otherwise.
    pub fn add(self: Arc<Self>, item: T, limit: usize) -> Result<(), T> {
        self.push(item, limit)?;
        // If the work item waits already, be it to try the first item again, it finds this one.
        let _ = workqueue().enqueue_delayed(self, 0);
        Ok(())
    }
}
