// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs programs with the stand-in for the kernel: a library, and a folder with parts of /sys and
//! /dev.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The function to which all events happen.
pub const ADDRESS: &str = "0001:00:00.0";

/// A function that is taken away as soon as a program listens to it.
#[allow(dead_code, reason = "not all tests have a use for it")]
pub const GONE: &str = "0002:00:00.0";

/// Address, node and group of each function.
const FUNCTIONS: [(&str, &str, &str); 2] = [(ADDRESS, "vfio0", "7"), (GONE, "vfio1", "8")];

/// The files that all tests use.
struct Workshop {
    stand_in: PathBuf,
    root: PathBuf,
}

/// Compiles a program in C.
pub fn compile(source: &Path, to: &Path, more: &[&str]) {
    let cc = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-O1", "-pthread", "-o"])
        .args([to, source])
        .args(more)
        .status()
        .expect("a C compiler is needed");

    assert!(cc.success(), "{source:?}");
}

/// Makes the files by which programs find functions.
fn make_root(root: &Path) {
    let drivers = root.join("sys/bus/pci/drivers/vfio-pci");
    let dev = root.join("dev/vfio");

    fs::create_dir_all(drivers).unwrap();
    fs::create_dir_all(dev.join("devices")).unwrap();
    fs::write(root.join("dev/iommu"), "").unwrap();
    fs::write(dev.join("vfio"), "").unwrap();
    for (address, node, group) in FUNCTIONS {
        let function = root.join("sys/bus/pci/devices").join(address);

        fs::create_dir_all(function.join("vfio-dev").join(node)).unwrap();
        fs::create_dir_all(root.join("sys/kernel/iommu_groups").join(group)).unwrap();
        fs::write(
            function.join("function_id"),
            format!("0x0000{}\n", &address[..4]),
        )
        .unwrap();
        fs::write(dev.join(group), "").unwrap();
        fs::write(dev.join("devices").join(node), "").unwrap();
        symlink(
            format!("../../../../kernel/iommu_groups/{group}"),
            function.join("iommu_group"),
        )
        .unwrap();
        symlink("../../drivers/vfio-pci", function.join("driver")).unwrap();
    }
}

fn workshop() -> &'static Workshop {
    static MADE: OnceLock<Workshop> = OnceLock::new();

    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stand-in");
        let _ = fs::remove_dir_all(&folder);
        let made = Workshop {
            stand_in: folder.join("stand_in.so"),
            root: folder.join("root"),
        };

        let source = folder.join("stand_in.c");

        make_root(&made.root);
        // Written from the binary, as tests of other packages use this module, too.
        fs::write(&source, include_str!("stand_in.c")).unwrap();
        compile(&source, &made.stand_in, &["-shared", "-fPIC", "-ldl"]);
        made
    })
}

/// Returns the folder in which programs find /sys and /dev.
#[allow(dead_code, reason = "not all tests have a use for it")]
pub fn root() -> &'static Path {
    &workshop().root
}

/// Makes a command that runs a program with the stand-in; `happens` is for STAND_IN.
pub fn meets(program: &Path, happens: &str) -> Command {
    let mut command = Command::new(program);

    command
        .env("LD_PRELOAD", &workshop().stand_in)
        .env("STAND_IN_ROOT", &workshop().root)
        .env("STAND_IN", happens);
    command
}
