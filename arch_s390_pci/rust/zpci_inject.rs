// SPDX-License-Identifier: GPL-2.0-only

//! The event injector: debugfs files for tests. Bytes that a test writes into such a file reach the
//! kernel as a zPCI event.
//!
//! The module is modelled after `aer_inject` and `cio_inject`. The code of the files is in
//! [`kernel::zpci_inject`].

use kernel::{
    debugfs::Scope,
    prelude::*,
    zpci_inject::Files, //
};

module! {
    type: Injector,
    name: "zpci_inject",
    authors: ["The zpci-rs authors"],
    description: "Injector of zPCI events, for tests",
    license: "GPL v2",
}

struct Injector {
    _directory: Pin<KBox<Scope<Files>>>,
}

impl kernel::Module for Injector {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self {
            _directory: Files::new()?,
        })
    }
}
