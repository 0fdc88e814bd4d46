// SPDX-License-Identifier: MIT OR Apache-2.0

//! Listening for errors, and recovering from them.

use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::{
    event::{eventfd, poll, EventfdFlags, PollFd, PollFlags, Timespec},
    io::{read, write, Errno},
};

use crate::{
    error::{Context, Result},
    recovery::{Ledger, Recovery},
    reset,
    source::{Interface, Source},
    sys, Event, Irq, StatusPage,
};

/// The owner of a function, as far as its errors are concerned.
///
/// `D` is the open vfio device: a [`Function`](crate::Function), a file descriptor, a reference to
/// one. While a listener exists, the kernel leaves recovery to it: a function that has failed does
/// nothing until [`recover`](Self::recover). A function should be closed with its listener: the
/// kernel goes on to believe that somebody reads its events.
///
/// Its own file descriptor ([`AsFd`]) is readable when there may be events. There must be one
/// listener only for a device: two would take events from each other.
#[derive(Debug)]
pub struct Listener<D: AsFd> {
    device: D,
    source: Source,
    eventfd: OwnedFd,
    ledger: Mutex<Ledger>,
}

impl<D: AsFd> Listener<D> {
    /// Begins to listen.
    ///
    /// The descriptor is readable at once: an event may have come before.
    pub fn new(device: D) -> Result<Self> {
        let source = Source::find(device.as_fd())?;
        let eventfd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .context("cannot make an eventfd")?;

        sys::set_irqs(device.as_fd(), Irq::Error, &[eventfd.as_fd()])
            .context("cannot register the error eventfd")?;
        write(&eventfd, &1_u64.to_ne_bytes()).context("cannot signal an eventfd")?;
        Ok(Self {
            device,
            source,
            eventfd,
            ledger: Mutex::default(),
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

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the kernel has. The descriptor is not readable any more then.
    pub(crate) fn collect(&self) -> Result<MutexGuard<'_, Ledger>> {
        let mut ledger = self.ledger();

        // Before the events: one that comes in between makes it readable again.
        match read(&self.eventfd, &mut [0; 8]) {
            Ok(_) | Err(Errno::AGAIN) => (),
            Err(error) => return Err(error).context("cannot read the eventfd"),
        }
        while let Some(event) = self.source.take(self.device.as_fd())? {
            ledger.note(event);
        }
        Ok(ledger)
    }

    /// Takes all events that there are, and does nothing about them: the next
    /// [`recover`](Self::recover) does.
    ///
    /// It is for drivers that have to stop their work before the reset. Nobody else needs it.
    pub fn drain(&self) -> Result<Vec<Event>> {
        let taken = self.collect().map(drop);
        let events: Vec<_> = self.ledger().events.drain(..).collect();

        // Those that a function which is gone since has left are not lost with it.
        match taken {
            Err(error) if events.is_empty() => Err(error),
            _ => Ok(events),
        }
    }

    /// Takes all events that there are, resets the function if one of them asks for that, and goes
    /// on until nothing does. Call it whenever the descriptor is readable.
    ///
    /// A reset is asked for again for five seconds while the kernel is busy with the function.
    /// After one eventfds stay registered, and memory stays mapped. What is inside of the device,
    /// such as its queues, must be set up again. Configuration space is as it was; after a reset
    /// by Linux 7.3 in C that may be as the kernel found it, so write the command register again.
    ///
    /// After a permanent failure there is no reset; [`reset`](Self::reset) tries one.
    ///
    /// If it fails, what was taken is not forgotten: calling it again goes on, and
    /// [`drain`](Self::drain) gives the events.
    pub fn recover(&self) -> Result<Recovery> {
        let mut resets = 0;

        while self.collect()?.must_reset(resets)? {
            self.reset()?;
            resets += 1;
        }
        Ok(self.ledger().close(resets))
    }

    /// Resets the function, whether an event asks for that or not, for as long as
    /// [`recover`](Self::recover) does. [`recover`](Self::recover) has to be called after it: there
    /// may have been another event.
    pub fn reset(&self) -> Result<()> {
        reset::until_done(self.device.as_fd())?;
        self.ledger().was_reset();
        Ok(())
    }
}

impl<D: AsFd> Drop for Listener<D> {
    fn drop(&mut self) {
        // Should this fail, an eventfd is signalled that nobody has any more.
        let _ = sys::clear_irqs(self.device.as_fd(), Irq::Error);
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
