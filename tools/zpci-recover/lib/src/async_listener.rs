// SPDX-License-Identifier: MIT OR Apache-2.0

//! Awaiting events, with Tokio.

use std::{
    os::fd::AsFd,
    sync::mpsc::{channel, Sender},
    time::Duration,
};

use tokio::{
    io::unix::AsyncFd,
    sync::Mutex,
    task::{spawn_blocking, JoinHandle},
};

use crate::{
    error::{Context, Result},
    recovery::Recovery,
    reset, sys, Listener,
};

/// A reset in a thread, which gives up when `_wants` is dropped.
#[derive(Debug)]
struct Resetting {
    thread: JoinHandle<Result<()>>,
    _wants: Sender<()>,
}

/// A [`Listener`] that is awaited.
///
/// ```no_run
/// use zpci_recover::{AsyncListener, Function, Listener, Outcome};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let function = Function::open("0001:00:00.0".parse()?)?;
/// let listener = AsyncListener::new(Listener::new(&function)?)?;
///
/// loop {
///     listener.wait().await?;
///     let recovery = listener.recover().await?;
///
///     for event in &recovery.events {
///         println!("event {}", event.pec());
///     }
///     match recovery.outcome {
///         Outcome::Unchanged => (),
///         // A driver sets up its queues again here.
///         Outcome::Reset => println!("reset"),
///         Outcome::Lost(pec) => return Err(format!("the function is lost: {pec}").into()),
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct AsyncListener<D: AsFd> {
    fd: AsyncFd<Listener<D>>,
    /// The reset that is under way. It goes on when its future is dropped.
    resetting: Mutex<Option<Resetting>>,
}

impl<D: AsFd> AsyncListener<D> {
    /// Registers the listener with the runtime; must be called inside of it.
    pub fn new(listener: Listener<D>) -> Result<Self> {
        Ok(Self {
            fd: sys::register(listener).context("cannot register the eventfd with Tokio")?,
            resetting: Mutex::default(),
        })
    }

    /// Waits until there may be events. The future may be dropped without losing an event.
    pub async fn wait(&self) -> Result<()> {
        loop {
            let mut guard = self
                .fd
                .readable()
                .await
                .context("cannot await the eventfd")?;

            // Tokio remembers that the eventfd was readable; a recovery may have read it since.
            if self.get_ref().wait(Some(Duration::ZERO))? {
                return Ok(());
            }
            guard.clear_ready();
        }
    }

    /// Recovers as [`Listener::recover`] does. A reset runs in a thread, so that it does not block
    /// the executor.
    ///
    /// If the future is dropped, a reset that is under way goes on, and the next call waits for its
    /// end. If the listener is dropped, the reset is not tried again: its thread, which has a
    /// descriptor of the function, ends as soon as the kernel has answered.
    pub async fn recover(&self) -> Result<Recovery> {
        let mut resetting = self.resetting.lock().await;
        let listener = self.get_ref();
        let mut resets = 0;

        loop {
            // The reset first: an event that is taken after it is newer than the reset.
            if let Some(running) = resetting.as_mut() {
                let result = (&mut running.thread).await;

                *resetting = None;
                result.context("the thread that resets has failed")??;
                listener.ledger().note_reset();
                resets += 1;
            }
            if !listener.collect()?.must_reset(resets)? {
                return Ok(listener.ledger().close(resets));
            }
            let device = listener
                .device()
                .as_fd()
                .try_clone_to_owned()
                .context("cannot use the function in another thread")?;
            let (wants, wanted) = channel();

            *resetting = Some(Resetting {
                thread: spawn_blocking(move || reset::while_wanted(device.as_fd(), &wanted)),
                _wants: wants,
            });
        }
    }

    /// Returns the listener itself, whose own [`recover`](Listener::recover) blocks.
    pub fn get_ref(&self) -> &Listener<D> {
        self.fd.get_ref()
    }
}
