// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tests of functions that need no error.

use std::fs::File;

use zpci_recover::{Address, Error, Function, Listener};

#[test]
fn what_is_no_vfio_device_is_refused() {
    let error = Listener::new(File::open("/dev/null").unwrap()).unwrap_err();

    assert!(
        error.to_string().contains("is this a vfio device?"),
        "{error}"
    );
}

#[test]
fn a_function_that_is_not_there_is_named() {
    let address: Address = "fffe:ff:1f.7".parse().unwrap();
    let error = Function::open(address).unwrap_err();

    assert!(matches!(&error, Error::NoSuchFunction(name) if *name == address.to_string()));
    assert_eq!(error.to_string(), "there is no PCI function fffe:ff:1f.7");
}
