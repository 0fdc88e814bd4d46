// SPDX-License-Identifier: GPL-2.0-only

//! Listening for errors, and recovering from them.

use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    time::Duration,
};

use rustix::{
    event::{eventfd, poll, EventfdFlags, PollFd, PollFlags, Timespec},
    io::{read, write, Errno},
};
use vfio_bindings::bindings::vfio::VFIO_PCI_ERR_IRQ_INDEX;

use crate::{
    error::{Context, Result},
    reset,
    source::{Interface, Source},
    sys, Event, StatusPage,
};

/// The owner of a function, as far as its errors are concerned.
///
/// `D` is the open vfio device: a [`Function`](crate::Function), a file descriptor, a reference to
/// one. While a listener exists, the kernel leaves recovery to it: after an event with
/// [`Event::needs_reset`] the function does nothing until [`recover`](Self::recover). A function
/// should be closed with its listener: the kernel goes on to believe that somebody reads its events.
///
/// Its own file descriptor ([`AsFd`]) is readable when there may be events. There must be one
/// listener only for a device: two would take events from each other.
#[derive(Debug)]
pub struct Listener<D: AsFd> {
    device: D,
    source: Source,
    eventfd: OwnedFd,
}

impl<D: AsFd> Listener<D> {
    /// Begins to listen.
    ///
    /// The descriptor is readable at once: an event may have come before.
    pub fn new(device: D) -> Result<Self> {
        let source = Source::find(device.as_fd())?;
        let eventfd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .context("cannot make an eventfd")?;

        sys::set_irqs(device.as_fd(), VFIO_PCI_ERR_IRQ_INDEX, &[eventfd.as_fd()])
            .context("cannot register the error eventfd")?;
        write(&eventfd, &1_u64.to_ne_bytes()).context("cannot signal an eventfd")?;
        Ok(Self {
            device,
            source,
            eventfd,
        })
    }

    /// How the kernel gives events.
    pub const fn interface(&self) -> Interface {
        self.source.interface()
    }

    /// The device that was given.
    pub const fn device(&self) -> &D {
        &self.device
    }

    /// Waits until there may be events. Returns whether that is so: not after the timeout or a
    /// signal.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        let mut fds = [PollFd::new(&self.eventfd, PollFlags::IN)];
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());

        match poll(&mut fds, timeout.as_ref()) {
            Ok(ready) => Ok(ready > 0),
            // The caller looks what the signal was about.
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error).context("cannot wait for the eventfd"),
        }
    }

    /// Maps the function's status page, by which a driver that polls learns of events without a
    /// system call. [`None`] if the kernel has none.
    pub fn status_page(&self) -> Result<Option<StatusPage>> {
        self.source.status_page(self.device.as_fd())
    }

    /// Takes the next event, if there is one, and does not wait.
    pub fn take(&self) -> Result<Option<Event>> {
        self.source.take(self.device.as_fd())
    }

    /// Takes all events that there are. The descriptor is not readable any more then.
    pub fn drain(&self) -> Result<Vec<Event>> {
        // Before the events: one that comes in between makes it readable again.
        match read(&self.eventfd, &mut [0; 8]) {
            Ok(_) | Err(Errno::AGAIN) => (),
            Err(error) => return Err(error).context("cannot read the eventfd"),
        }
        std::iter::from_fn(|| self.take().transpose()).collect()
    }

    /// Resets the function, and asks for that again for five seconds while it is busy.
    ///
    /// Eventfds stay registered, and memory stays mapped. What is inside of the device, such as its
    /// queues, must be set up again. Configuration space is as it was; after a reset by Linux 7.3
    /// in C that may be as the kernel found it, so write the command register again.
    ///
    /// Returns what is known of the function's state since: events that the reset has not mended,
    /// such as a permanent failure. Events from before the reset are dropped.
    pub fn recover(&self) -> Result<Vec<Event>> {
        reset::until_done(self.device.as_fd())?;

        let mut events = self.drain()?;
        events.retain(|event| match event.record() {
            Some(record) => !record.stale,
            // Nothing can fail in a transient way before the device is set up again.
            None => event.severity().is_permanent(),
        });
        Ok(events)
    }
}

impl<D: AsFd> Drop for Listener<D> {
    fn drop(&mut self) {
        // Should this fail, an eventfd is signalled that nobody has any more.
        let _ = sys::clear_irqs(self.device.as_fd(), VFIO_PCI_ERR_IRQ_INDEX);
    }
}

/// The descriptor that is readable when there may be events.
impl<D: AsFd> AsFd for Listener<D> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }
}

/// The same descriptor, for event loops that want a number.
impl<D: AsFd> AsRawFd for Listener<D> {
    fn as_raw_fd(&self) -> RawFd {
        self.eventfd.as_raw_fd()
    }
}
