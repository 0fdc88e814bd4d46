// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finds the process that has a function open.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use zpci_recover::{sysfs, Address};

use crate::output::printable;

/// A process that has the device node of a function, or of its group, open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}[{}]", printable(&self.name), self.pid))
    }
}

/// The holder of a function, as far as it can be found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    No,
    By(Holder),
    /// No holder was found, but some processes may not be looked at.
    Unknown,
}

impl Held {
    pub fn holder(&self) -> Option<&Holder> {
        match self {
            Self::By(holder) => Some(holder),
            Self::No | Self::Unknown => None,
        }
    }
}

/// Whether a process has one of the nodes open.
fn holds(process: &Path, nodes: &[PathBuf]) -> io::Result<bool> {
    for fd in fs::read_dir(process.join("fd"))? {
        match fs::read_link(fd?.path()) {
            Ok(target) if nodes.contains(&target) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
            _ => (),
        }
    }
    Ok(false)
}

/// Finds the first process that has one of the nodes open.
fn holder_of(nodes: &[PathBuf]) -> Held {
    let mut held = Held::No;

    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|s| s.parse().ok()) else {
            continue;
        };

        match holds(&process.path(), nodes) {
            Ok(true) => {
                return Held::By(Holder {
                    pid,
                    name: fs::read_to_string(process.path().join("comm"))
                        .map_or_else(|_| "?".to_owned(), |name| name.trim_end().to_owned()),
                })
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => held = Held::Unknown,
            // The process has ended meanwhile, or has none of the nodes open.
            Ok(false) | Err(_) => (),
        }
    }
    held
}

/// Finds the process that has the function open through vfio.
pub fn holder(address: Address) -> Held {
    // Only functions with a driver of vfio can be open.
    let nodes: Vec<_> = match sysfs::driver(address) {
        Some(driver) if driver.contains("vfio") || sysfs::device_node(address).is_some() => {
            [sysfs::group_node(address), sysfs::device_node(address)]
                .into_iter()
                .flatten()
                .collect()
        }
        _ => return Held::No,
    };

    holder_of(&nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_that_has_a_file_open_is_found() {
        let path = std::env::temp_dir().join(format!("zpci-recover-{}", std::process::id()));
        let file = fs::File::create(&path).unwrap();
        let found = holder_of(&[fs::canonicalize(&path).unwrap()]);

        drop(file);
        fs::remove_file(path).unwrap();
        assert_eq!(
            found.holder().map(|holder| holder.pid),
            Some(std::process::id())
        );
    }
}
