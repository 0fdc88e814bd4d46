// SPDX-License-Identifier: MIT OR Apache-2.0

//! Awaiting events, with Tokio.

use std::{os::fd::AsFd, time::Duration};

use tokio::{io::unix::AsyncFd, task::spawn_blocking};

use crate::{
    error::{Context, Result},
    recovery::Recovery,
    reset, sys, Listener,
};

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
pub struct AsyncListener<D: AsFd>(AsyncFd<Listener<D>>);

impl<D: AsFd> AsyncListener<D> {
    /// Registers the listener with the runtime, in which it must be called.
    pub fn new(listener: Listener<D>) -> Result<Self> {
        Ok(Self(
            sys::register(listener).context("cannot register the eventfd with Tokio")?,
        ))
    }

    /// Waits until there may be events. It may be dropped without losing one.
    pub async fn wait(&self) -> Result<()> {
        loop {
            let mut guard = self
                .0
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
    /// If this is dropped, a reset that is under way goes on, and the next call asks for another.
    pub async fn recover(&self) -> Result<Recovery> {
        let listener = self.get_ref();
        let mut resets = 0;

        while listener.collect()?.must_reset(resets)? {
            let device = listener
                .device()
                .as_fd()
                .try_clone_to_owned()
                .context("cannot use the function in another thread")?;

            spawn_blocking(move || reset::until_done(device.as_fd()))
                .await
                .context("the thread that resets has failed")??;
            listener.ledger().was_reset();
            resets += 1;
        }
        Ok(listener.ledger().close(resets))
    }

    /// The listener itself, whose own [`recover`](Listener::recover) blocks.
    pub fn get_ref(&self) -> &Listener<D> {
        self.0.get_ref()
    }
}
