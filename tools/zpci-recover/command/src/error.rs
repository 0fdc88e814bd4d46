// SPDX-License-Identifier: MIT OR Apache-2.0

//! What can go wrong, and what can be done about it.

use std::{io, path::PathBuf};

use zpci_recover::{sysfs, Address};

use crate::holder::Holder;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Recover(#[from] zpci_recover::Error),
    #[error("{address}: {error}")]
    Owner {
        address: Address,
        error: zpci_recover::Error,
    },
    #[error("{failed} of {all} functions had to be given up")]
    GivenUp { failed: usize, all: usize },
    #[error("there is no PCI function {0}")]
    NoSuchFunction(String),
    #[error("{0} is no zPCI function")]
    NotZpci(String),
    #[error("{address} is open already: {holder}")]
    Held { address: String, holder: Holder },
    #[error("{address} is bound to the driver {driver}, and is the host's")]
    OfTheHost { address: String, driver: String },
    #[error("{0}")]
    NotResettable(String),
    #[error("`{0}` is neither an event code (0x3a) nor a CCDF (64 hexadecimal digits)")]
    NotUnderstood(String),
    #[error("the log has no event of a PCI function")]
    EmptyLog,
    #[error("the injector is not loaded: there is no {}", .0.display())]
    NoInjector(PathBuf),
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("cannot write {}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("cannot wait for events: {0}")]
    Wait(io::Error),
    #[error("cannot write the output: {0}")]
    Output(io::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Error {
    /// Whether the command line is wrong.
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::NotUnderstood(_))
    }

    /// Returns a hint for the operator.
    pub fn hint(&self) -> Option<String> {
        use zpci_recover::Error as Recover;

        Some(match self {
            Self::OfTheHost { address, .. } => format!(
                "zpcictl --reset {address} resets it, and writing 1 to {}/recover \
                 has its driver recover it",
                sysfs::directory(address.parse().ok()?).display()
            ),
            Self::Recover(Recover::NoDriver(address) | Recover::OtherDriver { address, .. }) => {
                format!(
                    "driverctl --nosave set-override {address} vfio-pci does that until the next \
                     start, where nothing uses the function any more"
                )
            }
            Self::Recover(Recover::NoPermission(_)) => {
                "be root, or let an administrator give you the nodes in /dev/vfio".to_owned()
            }
            Self::Recover(Recover::NoInterface) => {
                "watch without --own needs neither of them".to_owned()
            }
            Self::NoSuchFunction(_) | Self::Recover(Recover::NoSuchFunction(_)) => {
                "zpci-recover list shows those that there are".to_owned()
            }
            Self::Held { .. } | Self::Recover(Recover::InUse { .. }) => {
                "only the process that has a function open can reset it".to_owned()
            }
            Self::NoInjector(_) => {
                "modprobe zpci_inject loads it, on a test system; it needs root, too".to_owned()
            }
            Self::Write { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
                "be root".to_owned()
            }
            Self::Read { error, .. } => match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    "be root, on a kernel that is not locked down".to_owned()
                }
                io::ErrorKind::NotFound => "this needs Linux on IBM Z with PCI, and debugfs: \
                     mount -t debugfs debugfs /sys/kernel/debug"
                    .to_owned(),
                _ => return None,
            },
            _ => return None,
        })
    }
}
