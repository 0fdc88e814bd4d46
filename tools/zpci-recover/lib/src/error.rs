// SPDX-License-Identifier: MIT OR Apache-2.0

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
    #[error("{address} is in use by another process: {} is busy", node.display())]
    InUse {
        /// The function.
        address: String,
        /// The node that it is opened through.
        node: PathBuf,
    },
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
    /// The function has failed again after each of several resets.
    #[error("the function fails again after each reset")]
    FailsAgain,
    /// Something is not as it should be.
    #[error("{0}")]
    Unexpected(&'static str),
    /// A node cannot be opened.
    #[error("cannot open {}: {error}", path.display())]
    Open {
        /// The node.
        path: PathBuf,
        /// Why that failed.
        error: io::Error,
    },
    /// A system call has failed.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why that failed. The text of this error has it already, so it is no
        /// [`source`](std::error::Error::source).
        error: io::Error,
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
            error: error.into(),
        })
    }
}
