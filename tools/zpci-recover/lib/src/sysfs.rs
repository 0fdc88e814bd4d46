// SPDX-License-Identifier: MIT OR Apache-2.0

//! Information about functions in `/sys`, for which no node has to be opened.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::Address;

const DEVICES: &str = "/sys/bus/pci/devices";

/// Returns the directory of a function.
pub fn directory(address: Address) -> PathBuf {
    Path::new(DEVICES).join(address.to_string())
}

/// Whether the function exists.
pub fn exists(address: Address) -> bool {
    directory(address).exists()
}

/// Returns all PCI functions, in the order of their addresses; none on a machine without PCI.
pub fn functions() -> io::Result<Vec<Address>> {
    let entries = match fs::read_dir(DEVICES) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();

    for entry in entries {
        found.extend(
            entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<Address>().ok()),
        );
    }
    found.sort();
    Ok(found)
}

/// Returns an attribute of a function, without its newline.
pub fn attribute(address: Address, name: &str) -> io::Result<String> {
    let text = fs::read_to_string(directory(address).join(name))?;

    Ok(text.trim_end().to_owned())
}

/// Returns the last component of the target of a function's link.
fn link(address: Address, name: &str) -> Option<String> {
    let target = fs::read_link(directory(address).join(name)).ok()?;

    Some(target.file_name()?.to_str()?.to_owned())
}

/// Returns the driver that a function is bound to.
pub fn driver(address: Address) -> Option<String> {
    link(address, "driver")
}

/// Returns the node through which the function's group is opened.
pub fn group_node(address: Address) -> Option<PathBuf> {
    Some(Path::new("/dev/vfio").join(link(address, "iommu_group")?))
}

/// Returns the node through which the function itself is opened, for iommufd.
pub fn device_node(address: Address) -> Option<PathBuf> {
    let entries = fs::read_dir(directory(address).join("vfio-dev")).ok()?;

    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .find(|name| name.starts_with("vfio"))
        .map(|name| Path::new("/dev/vfio/devices").join(name))
}
