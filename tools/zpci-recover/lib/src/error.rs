// SPDX-License-Identifier: GPL-2.0-only

//! What can go wrong.

use std::{io, path::PathBuf};

/// Result of what this crate does.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong, said so that an operator can do something about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no function with that address.
    #[error("there is no PCI function {0}")]
    NoSuchFunction(String),
    /// The function has no driver.
    #[error("{0} is not bound to any driver: bind it to vfio-pci first")]
    NoDriver(String),
    /// The function has a driver, but not one of vfio.
    #[error("{address} is bound to the driver {driver}: bind it to vfio-pci first")]
    OtherDriver {
        /// The function.
        address: String,
        /// Its driver.
        driver: String,
    },
    /// The function is open already, and can be so once only.
    #[error("{0} is in use by another process")]
    InUse(String),
    /// A device node may not be opened.
    #[error("no permission to open {}", .0.display())]
    NoPermission(PathBuf),
    /// The kernel has neither the error region nor the error feature.
    #[error(
        "this kernel does not give error events to the owner of a function: \
         it has neither the zPCI error region nor the zPCI error feature (Linux 7.3)"
    )]
    NoInterface,
    /// The function has no way of being reset.
    #[error("the function cannot be reset")]
    CannotReset,
    /// The kernel went on asking for patience.
    #[error("the function could not be reset in time")]
    ResetTimeout,
    /// Something is not as it should be.
    #[error("{0}")]
    Unexpected(&'static str),
    /// A system call has failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why that failed.
        source: io::Error,
    },
}

/// Says what was tried when a system call fails.
pub(crate) trait Context<T> {
    fn context(self, what: &'static str) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, what: &'static str) -> Result<T> {
        self.map_err(|error| Error::Io {
            what,
            source: error.into(),
        })
    }
}
