// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the kernel says of functions in `/sys`, for which nothing has to be opened.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::Address;

const DEVICES: &str = "/sys/bus/pci/devices";

/// The directory of a function.
pub fn directory(address: Address) -> PathBuf {
    Path::new(DEVICES).join(address.to_string())
}

/// Whether there is such a function.
pub fn exists(address: Address) -> bool {
    directory(address).exists()
}

/// All PCI functions, in the order of their addresses. There are none where there is no PCI.
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

/// An attribute of a function, without the end of its line.
pub fn attribute(address: Address, name: &str) -> io::Result<String> {
    let text = fs::read_to_string(directory(address).join(name))?;

    Ok(text.trim_end().to_owned())
}

/// Where a link of the function points to, without the way there.
fn link(address: Address, name: &str) -> Option<String> {
    let target = fs::read_link(directory(address).join(name)).ok()?;

    Some(target.file_name()?.to_str()?.to_owned())
}

/// The driver that a function is bound to.
pub fn driver(address: Address) -> Option<String> {
    link(address, "driver")
}

/// The node through which the function's group is opened.
pub fn group_node(address: Address) -> Option<PathBuf> {
    Some(Path::new("/dev/vfio").join(link(address, "iommu_group")?))
}

/// The node through which the function itself is opened, for use with iommufd.
pub fn device_node(address: Address) -> Option<PathBuf> {
    let entries = fs::read_dir(directory(address).join("vfio-dev")).ok()?;

    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .find(|name| name.starts_with("vfio"))
        .map(|name| Path::new("/dev/vfio/devices").join(name))
}
