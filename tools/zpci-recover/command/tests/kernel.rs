// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs the command with a stand-in for the kernel, on any machine.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Output, Stdio},
};

#[path = "../../lib/tests/stand_in/mod.rs"]
mod stand_in;

use stand_in::{meets, root, ADDRESS, GONE};

fn command() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_zpci-recover"))
}

fn own(happens: &str, args: &[&str]) -> (Output, String, String) {
    let output = meets(command(), happens)
        .args(["watch", "--own"])
        .args(args)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (said, complaints) = (text(&output.stdout), text(&output.stderr));

    (output, said, complaints)
}

#[test]
fn owners_go_on_when_one_has_failed() {
    let (output, said, complaints) = own("region event=3a event=3b", &[GONE, ADDRESS, "-n", "2"]);

    assert!(said.contains(&format!("{ADDRESS} #1 PEC 0x3a")), "{said}");
    assert!(said.contains(&format!("{ADDRESS} #2 PEC 0x3b")), "{said}");
    assert!(
        complaints.contains(&format!("error: {GONE}: ")),
        "{complaints}"
    );
    assert!(complaints.contains("1 of 2 functions"), "{complaints}");
    assert_eq!(output.status.code(), Some(1), "{complaints}");
}

#[test]
fn the_last_owner_that_fails_is_the_end() {
    let (output, said, complaints) = own("region event=3a refuse=ENODEV*1", &[GONE, ADDRESS]);

    // The events that were taken before the function was lost are printed.
    assert!(said.contains(&format!("{ADDRESS} #1 PEC 0x3a")), "{said}");
    for address in [GONE, ADDRESS] {
        assert!(
            complaints.contains(&format!("error: {address}: ")),
            "{complaints}"
        );
    }
    assert_eq!(output.status.code(), Some(1), "{complaints}");

    let (output, _, complaints) = own("region", &[GONE]);
    assert_eq!(complaints.matches("error: ").count(), 1, "{complaints}");
    assert_eq!(output.status.code(), Some(1), "{complaints}");
}

/// Makes three lines of the kernel's record at that time, with bytes that are no text.
fn recorded(seconds: u32, pec: u8) -> Vec<u8> {
    let line = |bytes: [u8; 16]| {
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let head = format!(
            "00 {seconds:011}:000000 0 - 0001 000003ff  {} | ",
            hex.join(" ")
        );

        [head.as_bytes(), b"\xff\n"].concat()
    };
    let (mut first, mut second) = ([0; 16], [0; 16]);

    first[11] = 1;
    second[15] = pec;
    [line(*b"error CCDF:\n\0\0\0\0"), line(first), line(second)].concat()
}

#[test]
fn the_record_is_followed_when_the_clock_goes_back() {
    let folder = root().join("sys/kernel/debug/s390dbf/pci_error");
    let put = |bytes: &[u8]| {
        fs::write(folder.join("new"), bytes).unwrap();
        fs::rename(folder.join("new"), folder.join("hex_ascii")).unwrap();
    };
    fs::create_dir_all(&folder).unwrap();
    put(&recorded(1000, 4));

    let mut watching = meets(command(), "region")
        .args(["watch", "--all", "-n", "3"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();

    assert!(next().contains(&format!("{ADDRESS} PEC 0x4")));
    put(&[recorded(1000, 4), recorded(500, 0x3a)].concat());
    assert!(next().contains("1970-01-01T00:08:20.000000Z 0001:00:00.0 PEC 0x3a"));
    put(&[recorded(1000, 4), recorded(500, 0x3a), recorded(501, 0x3b)].concat());
    assert!(next().contains("PEC 0x3b"));
    assert!(watching.wait().unwrap().success());
}
