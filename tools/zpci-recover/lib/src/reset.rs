// SPDX-License-Identifier: GPL-2.0-only

//! How often, and for how long, to ask for a reset.

use std::{os::fd::BorrowedFd, thread, time::Duration};

use rustix::io::Errno;

use crate::{
    error::{Context, Result},
    sys, Error,
};

/// How long a function may be busy. A kernel in Rust waits for a second itself.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Resets a function.
pub(crate) fn until_done(device: BorrowedFd<'_>) -> Result<()> {
    retry(|| sys::reset(device), thread::sleep)
}

/// Asks for a reset until there was one.
///
/// The event is still being handled while its owner is told: Linux 7.3 in C then refuses with
/// `EAGAIN`, or `EIO` from deeper inside.
fn retry(
    mut reset: impl FnMut() -> rustix::io::Result<()>,
    mut pause: impl FnMut(Duration),
) -> Result<()> {
    let mut waited = Duration::ZERO;
    let mut next = FIRST_PAUSE;

    loop {
        match reset() {
            Ok(()) => return Ok(()),
            Err(Errno::AGAIN | Errno::IO | Errno::INTR) if waited < PATIENCE => (),
            Err(Errno::AGAIN | Errno::INTR) => return Err(Error::ResetTimeout),
            Err(Errno::INVAL | Errno::NOTTY) => return Err(Error::CannotReset),
            Err(error) => return Err(error).context("the reset has failed"),
        }
        pause(next);
        waited += next;
        next = LONGEST_PAUSE.min(next * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs into these errors, and then into no more. Returns the resets that were tried.
    fn run(errors: &[Errno]) -> (Result<()>, usize, Duration) {
        let (mut tries, mut waited) = (0, Duration::ZERO);
        let result = retry(
            || {
                tries += 1;
                errors.get(tries - 1).map_or(Ok(()), |error| Err(*error))
            },
            |pause| waited += pause,
        );

        (result, tries, waited)
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
    }
}
