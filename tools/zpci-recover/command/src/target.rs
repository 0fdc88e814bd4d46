// SPDX-License-Identifier: MIT OR Apache-2.0

//! Functions as arguments on the command line.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
    str::FromStr,
};

use zpci_recover::{sysfs, Address};

use crate::error::{Error, Result};

/// A function, given by its address or by a device node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target(Address);

impl Target {
    /// Returns the function's address; an error if there is no such function.
    pub fn address(self) -> Result<Address> {
        if sysfs::exists(self.0) {
            Ok(self.0)
        } else {
            Err(Error::NoSuchFunction(self.0.to_string()))
        }
    }
}

/// Finds the function that a device node belongs to.
fn of_node(path: &Path) -> std::result::Result<Address, String> {
    let shown = path.display();
    let node = fs::metadata(path).map_err(|error| format!("{shown}: {error}"))?;
    let kind = if node.file_type().is_char_device() {
        "char"
    } else if node.file_type().is_block_device() {
        "block"
    } else {
        return Err(format!("{shown} is no device"));
    };
    let (major, minor) = (
        rustix::fs::major(node.rdev()),
        rustix::fs::minor(node.rdev()),
    );
    let device = fs::canonicalize(format!("/sys/dev/{kind}/{major}:{minor}"))
        .map_err(|error| format!("{shown}: {error}"))?;

    device
        .ancestors()
        .find_map(|part| part.file_name()?.to_str()?.parse().ok())
        .ok_or_else(|| format!("{shown} does not belong to a PCI function"))
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        if text.starts_with('/') {
            of_node(Path::new(text)).map(Self)
        } else {
            text.parse()
                .map(Self)
                .map_err(|error: zpci_recover::ParseAddressError| error.to_string())
        }
    }
}
