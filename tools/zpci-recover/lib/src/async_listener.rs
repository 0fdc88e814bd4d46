// SPDX-License-Identifier: GPL-2.0-only

//! Awaiting events, with Tokio.

use std::{collections::VecDeque, os::fd::AsFd};

use tokio::io::unix::AsyncFd;

use crate::{
    error::{Context, Result},
    sys, Event, Listener,
};

/// A [`Listener`] whose events can be awaited.
///
/// ```no_run
/// use zpci_recover::{AsyncListener, Function, Listener};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let function = Function::open("0001:00:00.0".parse()?)?;
/// let mut listener = AsyncListener::new(Listener::new(&function)?)?;
///
/// while listener.next().await?.needs_reset() {
///     listener.get_ref().recover()?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AsyncListener<D: AsFd> {
    fd: AsyncFd<Listener<D>>,
    taken: VecDeque<Event>,
}

impl<D: AsFd> AsyncListener<D> {
    /// Registers the listener with the runtime, in which it must be called.
    pub fn new(listener: Listener<D>) -> Result<Self> {
        Ok(Self {
            fd: sys::register(listener).context("cannot register the eventfd with Tokio")?,
            taken: VecDeque::new(),
        })
    }

    /// The next event. It may be dropped without losing one.
    pub async fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.taken.pop_front() {
                return Ok(event);
            }
            let mut guard = self
                .fd
                .readable()
                .await
                .context("cannot await the eventfd")?;

            // Before the events: one that comes in between makes it ready again.
            guard.clear_ready();
            self.taken.extend(guard.get_inner().drain()?);
        }
    }

    /// The listener itself. Its [`recover`](Listener::recover) takes as long as the reset.
    pub fn get_ref(&self) -> &Listener<D> {
        self.fd.get_ref()
    }
}
