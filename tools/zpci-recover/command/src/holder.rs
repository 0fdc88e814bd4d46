// SPDX-License-Identifier: GPL-2.0-only

//! Which process has a function open.

use std::{fmt, fs, path::PathBuf};

use zpci_recover::{sysfs, Address};

/// A process that has the node of a function or of its group open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}[{}]", self.name, self.pid))
    }
}

/// The first process that has one of the nodes open; processes of other users show that to root
/// only.
fn holder_of(nodes: &[PathBuf]) -> Option<Holder> {
    let processes = fs::read_dir("/proc").ok()?;

    processes
        .filter_map(|entry| entry.ok())
        .find_map(|process| {
            let pid = process.file_name().to_str()?.parse().ok()?;
            let mut fds = fs::read_dir(process.path().join("fd")).ok()?;
            let holds = |fd: std::io::Result<fs::DirEntry>| {
                fd.and_then(|fd| fs::read_link(fd.path()))
                    .is_ok_and(|target| nodes.contains(&target))
            };

            fds.any(holds).then(|| Holder {
                pid,
                name: fs::read_to_string(process.path().join("comm"))
                    .map_or_else(|_| "?".to_owned(), |name| name.trim_end().to_owned()),
            })
        })
}

/// Who has the function open through vfio.
pub fn holder(address: Address) -> Option<Holder> {
    let nodes: Vec<_> = [sysfs::group_node(address), sysfs::device_node(address)]
        .into_iter()
        .flatten()
        .collect();

    if nodes.is_empty() {
        return None;
    }
    holder_of(&nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_file_open_is_found() {
        let path = std::env::temp_dir().join(format!("zpci-recover-{}", std::process::id()));
        let file = fs::File::create(&path).unwrap();
        let found = holder_of(&[fs::canonicalize(&path).unwrap()]);

        drop(file);
        fs::remove_file(path).unwrap();
        assert_eq!(found.map(|holder| holder.pid), Some(std::process::id()));
    }
}
