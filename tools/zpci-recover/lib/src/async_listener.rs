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

/// A reset in a thread of its own, which ends when `_wants` does.
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
    /// The reset that is under way. It goes on if nobody awaits it any more.
    resetting: Mutex<Option<Resetting>>,
}

impl<D: AsFd> AsyncListener<D> {
    /// Registers the listener with the runtime, in which it must be called.
    pub fn new(listener: Listener<D>) -> Result<Self> {
        Ok(Self {
            fd: sys::register(listener).context("cannot register the eventfd with Tokio")?,
            resetting: Mutex::default(),
        })
    }

    /// Waits until there may be events. It may be dropped without losing one.
    pub async fn wait(&self) -> Result<()> {
        loop {
            let mut guard = self
                .fd
                .readable()
                .await
                .context("cannot await the eventfd")?;

            // Tokio remembers that it was readable; a recovery since has read it.
            if self.get_ref().wait(Some(Duration::ZERO))? {
                return Ok(());
            }
            guard.clear_ready();
        }
    }

    /// As [`Listener::recover`]; a reset takes a thread of its own, and not that of the executor.
    ///
    /// If this is dropped, a reset that is under way goes on, and the next call waits for its end.
    /// If the listener is dropped, that reset is not asked for again: its thread, and the
    /// descriptor of the function that it has, are gone as soon as the kernel has answered.
    pub async fn recover(&self) -> Result<Recovery> {
        let mut resetting = self.resetting.lock().await;
        let listener = self.get_ref();
        let mut resets = 0;

        loop {
            // Before the events: one that is taken then is not older than that reset.
            if let Some(running) = resetting.as_mut() {
                let result = (&mut running.thread).await;

                *resetting = None;
                result.context("the thread that resets has failed")??;
                listener.ledger().was_reset();
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

    /// The listener itself, whose own [`recover`](Listener::recover) blocks.
    pub fn get_ref(&self) -> &Listener<D> {
        self.fd.get_ref()
    }
}
