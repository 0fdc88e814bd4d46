// SPDX-License-Identifier: MIT OR Apache-2.0

//! The example in the kernel's documentation is a copy, as Sphinx includes no files from outside of
//! the kernel tree.

#![allow(missing_docs)]

const PAGE: &str = include_str!("../../../../Documentation/arch/s390/zpci-recovery-uapi.rst");

#[test]
fn the_program_that_is_shown_is_the_example() {
    let example = include_str!("../examples/client.rs");
    let program = example[example.find("\nuse ").unwrap()..].trim_end();
    let shown = program.replace('\n', "\n    ").replace("\n    \n", "\n\n");

    assert!(PAGE.contains(&shown), "{shown}");
}
