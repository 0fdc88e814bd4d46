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

/// Listens for the errors of a function on behalf of its owner.
///
/// `D` is the open vfio device: a [`Function`](crate::Function), a file descriptor, a reference to
/// one. While a listener exists, the kernel leaves recovery to it: a function in error does nothing
/// until [`recover`](Self::recover) is called. The function should be closed with its listener, as
/// the kernel keeps leaving recovery to its owner.
///
/// A listener's own file descriptor ([`AsFd`]) is readable when there may be events. A device must
/// have one listener only: two would take events from each other.
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

    /// Returns how the kernel gives events.
    pub const fn interface(&self) -> Interface {
        self.source.interface()
    }

    /// Returns the device that the listener was made with.
    pub const fn device(&self) -> &D {
        &self.device
    }

    /// Waits until there may be events. Returns false after the timeout or a signal.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        let mut fds = [PollFd::new(&self.eventfd, PollFlags::IN)];
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());

        match poll(&mut fds, timeout.as_ref()) {
            Ok(ready) => Ok(ready > 0),
            // A signal: the caller decides whether to go on.
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error).context("cannot wait for the eventfd"),
        }
    }

    /// Maps the function's status page, so that a driver can poll for events without a system call.
    /// [`None`] if the kernel has no such page.
    pub fn status_page(&self) -> Result<Option<StatusPage>> {
        self.source.status_page(self.device.as_fd())
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all events from the kernel. The descriptor is not readable any more then.
    pub(crate) fn collect(&self) -> Result<MutexGuard<'_, Ledger>> {
        let mut ledger = self.ledger();

        // Read before the events are taken: an event that comes later makes it readable again.
        match read(&self.eventfd, &mut [0; 8]) {
            Ok(_) | Err(Errno::AGAIN) => (),
            Err(error) => return Err(error).context("cannot read the eventfd"),
        }
        while let Some(event) = self.source.take(self.device.as_fd())? {
            ledger.note(event);
        }
        Ok(ledger)
    }

    /// Takes all events without recovering: the next [`recover`](Self::recover) does that.
    ///
    /// This is for drivers that must stop their work before a reset.
    pub fn drain(&self) -> Result<Vec<Event>> {
        let taken = self.collect().map(drop);
        let events: Vec<_> = self.ledger().events.drain(..).collect();

        // If the function is gone, the events that were taken before are still returned.
        match taken {
            Err(error) if events.is_empty() => Err(error),
            _ => Ok(events),
        }
    }

    /// Takes all events and resets the function if one of them asks for that, until no event does.
    /// Call this whenever the descriptor is readable.
    ///
    /// A reset is tried again for five seconds while the kernel is busy with the function. After a
    /// reset eventfds are still registered, and memory is still mapped. The inside of the device,
    /// such as its queues, must be set up again. Config space is as before the error. With Linux
    /// 7.3 in C it may be as the kernel found it, so write the Command register again.
    ///
    /// After a permanent failure there is no reset; [`reset`](Self::reset) tries one.
    ///
    /// If this fails, events that were taken are kept: a further call goes on with them, and
    /// [`drain`](Self::drain) returns them.
    pub fn recover(&self) -> Result<Recovery> {
        let mut resets = 0;

        while self.collect()?.must_reset(resets)? {
            self.reset()?;
            resets += 1;
        }
        Ok(self.ledger().close(resets))
    }

    /// Resets the function even if no event asks for that, and tries as long as
    /// [`recover`](Self::recover) does. Call [`recover`](Self::recover) afterwards, as there may
    /// have been another event.
    pub fn reset(&self) -> Result<()> {
        reset::until_done(self.device.as_fd())?;
        self.ledger().note_reset();
        Ok(())
    }
}

impl<D: AsFd> Drop for Listener<D> {
    fn drop(&mut self) {
        // If this fails, the kernel signals an eventfd that nobody uses any more.
        let _ = sys::clear_irqs(self.device.as_fd(), Irq::Error);
    }
}

/// Returns the descriptor that is readable when there may be events.
impl<D: AsFd> AsFd for Listener<D> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }
}

/// Returns the same descriptor, for event loops that need a number.
impl<D: AsFd> AsRawFd for Listener<D> {
    fn as_raw_fd(&self) -> RawFd {
        self.eventfd.as_raw_fd()
    }
}
