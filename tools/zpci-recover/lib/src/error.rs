// SPDX-License-Identifier: MIT OR Apache-2.0

//! Errors of this crate.

use std::{io, path::PathBuf};

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error, with a text by which an operator can act.
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
        /// The address of the function.
        address: String,
        /// The name of its driver.
        driver: String,
    },
    /// The function is open already; it can be open only once.
    #[error("{address} is in use by another process: {} is busy", node.display())]
    InUse {
        /// The address of the function.
        address: String,
        /// The node through which it is opened.
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
    /// The kernel cannot reset the function.
    #[error("the function cannot be reset")]
    CannotReset,
    /// The kernel was busy for longer than a reset is tried.
    #[error("the function could not be reset in time")]
    ResetTimeout,
    /// The function has failed again after each of several resets.
    #[error("the function fails again after each reset")]
    FailsAgain,
    /// The kernel has returned something that it should not.
    #[error("{0}")]
    Unexpected(&'static str),
    /// A node cannot be opened.
    #[error("cannot open {}: {error}", path.display())]
    Open {
        /// The path of the node.
        path: PathBuf,
        /// The error of the open.
        error: io::Error,
    },
    /// A system call has failed.
    #[error("{what}: {error}")]
    Io {
        /// The operation that was tried.
        what: &'static str,
        /// The error of the call. The text of this error contains it already, so it is no
        /// [`source`](std::error::Error::source).
        error: io::Error,
    },
}

/// Adds the operation that was tried to the error of a system call.
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
