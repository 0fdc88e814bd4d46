// SPDX-License-Identifier: MIT OR Apache-2.0

//! Learning of errors without a system call.

use std::{
    os::fd::BorrowedFd,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    error::{Context, Result},
    sys::Mapping,
    Error,
};

/// Offset of the field `generation` in `struct vfio_device_zpci_err_status`, in words.
const GENERATION: usize = 1;

/// The status page of a function, which the kernel keeps up to date.
///
/// It is for drivers that poll: looking costs one load, and takes nothing.
#[derive(Debug)]
pub struct StatusPage(Mapping);

impl StatusPage {
    pub(crate) fn map(device: BorrowedFd<'_>, offset: u64, length: u64) -> Result<Self> {
        match usize::try_from(length) {
            Ok(length) if length > GENERATION * size_of::<AtomicU64>() => Ok(Self(
                Mapping::new(device, offset, length).context("cannot map the status page")?,
            )),
            _ => Err(Error::Unexpected(
                "the status page is too small, or too large",
            )),
        }
    }

    /// Returns the number of events since the function was opened. When it has changed,
    /// [`Listener::drain`](crate::Listener::drain) returns new events.
    pub fn generation(&self) -> u64 {
        self.0.words()[GENERATION].load(Ordering::Acquire)
    }
}
