// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tries resets, for a limited time.

#[cfg(feature = "tokio")]
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::{
    os::fd::BorrowedFd,
    thread,
    time::{Duration, Instant},
};

use rustix::io::Errno;

use crate::{
    error::{Context, Result},
    sys, Error,
};

/// How long a reset is tried. The Rust version in the kernel waits for a second by itself.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Resets a function.
pub(crate) fn until_done(device: BorrowedFd<'_>) -> Result<()> {
    reset(device, |pause| {
        thread::sleep(pause);
        true
    })
}

/// Resets a function, and gives up when the sender of `wanted` is dropped.
#[cfg(feature = "tokio")]
pub(crate) fn while_wanted(device: BorrowedFd<'_>, wanted: &Receiver<()>) -> Result<()> {
    reset(device, |pause| {
        wanted.recv_timeout(pause) == Err(RecvTimeoutError::Timeout)
    })
}

fn reset(device: BorrowedFd<'_>, pause: impl FnMut(Duration) -> bool) -> Result<()> {
    let start = Instant::now();

    retry(|| sys::reset(device), pause, || start.elapsed())
}

/// Tries a reset until it succeeds, or until `pause` returns false.
///
/// Linux 7.3 in C still processes an event when it signals the owner. A reset then fails with
/// `EAGAIN`, or with `EIO` from deeper inside.
fn retry(
    mut reset: impl FnMut() -> rustix::io::Result<()>,
    mut pause: impl FnMut(Duration) -> bool,
    elapsed: impl Fn() -> Duration,
) -> Result<()> {
    let mut next = FIRST_PAUSE;

    loop {
        match reset() {
            Ok(()) => return Ok(()),
            Err(Errno::AGAIN | Errno::IO | Errno::INTR) if elapsed() < PATIENCE => (),
            Err(Errno::AGAIN | Errno::INTR) => return Err(Error::ResetTimeout),
            Err(Errno::INVAL | Errno::NOTTY) => return Err(Error::CannotReset),
            Err(error) => return Err(error).context("the reset has failed"),
        }
        if !pause(next) {
            return Err(Error::ResetTimeout);
        }
        next = LONGEST_PAUSE.min(next * 2);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Tries a reset that fails with these errors, one after the other, and then succeeds; each try
    /// takes `each`. Returns the number of tries, and the time of all.
    fn run_slowly(errors: &[Errno], each: Duration) -> (Result<()>, usize, Duration) {
        let mut tries = 0;
        let time = Cell::new(Duration::ZERO);
        let result = retry(
            || {
                tries += 1;
                errors.get(tries - 1).map_or(Ok(()), |error| {
                    time.set(time.get() + each);
                    Err(*error)
                })
            },
            |pause| {
                time.set(time.get() + pause);
                true
            },
            || time.get(),
        );

        (result, tries, time.get())
    }

    fn run(errors: &[Errno]) -> (Result<()>, usize, Duration) {
        run_slowly(errors, Duration::ZERO)
    }

    #[test]
    fn what_passes_is_tried_again() {
        assert!(matches!(run(&[]), (Ok(()), 1, Duration::ZERO)));
        let (result, tries, waited) = run(&[Errno::AGAIN, Errno::IO, Errno::INTR]);
        assert!(result.is_ok());
        assert_eq!(tries, 4);
        assert_eq!(waited, Duration::from_millis(1 + 2 + 4));
    }

    #[test]
    fn what_does_not_pass_is_not() {
        for errno in [Errno::INVAL, Errno::NOTTY] {
            assert!(matches!(run(&[errno]), (Err(Error::CannotReset), 1, _)));
        }
        assert!(matches!(
            run(&[Errno::NODEV]),
            (Err(Error::Io { .. }), 1, _)
        ));
    }

    #[test]
    fn patience_ends() {
        let (result, _, waited) = run(&[Errno::AGAIN; 1000]);

        assert!(matches!(result, Err(Error::ResetTimeout)));
        assert!(waited >= PATIENCE && waited < PATIENCE + 2 * LONGEST_PAUSE);
        assert!(matches!(run(&[Errno::IO; 1000]).0, Err(Error::Io { .. })));

        let (_, tries, waited) = run_slowly(&[Errno::AGAIN; 1000], Duration::from_secs(1));

        assert_eq!(tries, 5);
        assert!(waited < PATIENCE + 2 * LONGEST_PAUSE);
    }
}
