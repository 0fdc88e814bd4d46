// SPDX-License-Identifier: GPL-2.0-only

//! What can go wrong, and what can be done about it.

use std::{io, path::PathBuf};

use crate::holder::Holder;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Recover(#[from] zpci_recover::Error),
    #[error("there is no PCI function {0}")]
    NoSuchFunction(String),
    #[error("{0} is no zPCI function")]
    NotZpci(String),
    #[error("{address} is open already: {holder}")]
    Held { address: String, holder: Holder },
    #[error("{0}")]
    NotResettable(String),
    #[error("`{0}` is neither an event code (0x3a) nor a CCDF (64 hexadecimal digits)")]
    NotUnderstood(String),
    #[error("the log has no event of a PCI function")]
    EmptyLog,
    #[error("the injector is not loaded: there is no {}", .0.display())]
    NoInjector(PathBuf),
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot wait for events: {0}")]
    Wait(io::Error),
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// What the operator can do about it.
    pub fn hint(&self) -> Option<String> {
        use zpci_recover::Error as Recover;

        Some(match self {
            Self::Recover(Recover::NoDriver(address) | Recover::OtherDriver { address, .. }) => {
                format!(
                    "driverctl set-override {address} vfio-pci does that, \
                     where nothing uses the function any more"
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
            Self::Held { .. } | Self::Recover(Recover::InUse(_)) => {
                "only the process that has a function open can reset it".to_owned()
            }
            Self::NoInjector(_) => {
                "modprobe zpci_inject loads it, on a test system; it needs root, too".to_owned()
            }
            Self::Read { source, .. } | Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => "be root".to_owned(),
                io::ErrorKind::NotFound => "this needs Linux on IBM Z with PCI, and debugfs: \
                     mount -t debugfs debugfs /sys/kernel/debug"
                    .to_owned(),
                _ => return None,
            },
            _ => return None,
        })
    }
}
