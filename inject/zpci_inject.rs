// SPDX-License-Identifier: GPL-2.0-only

//! Error injector: hands zPCI events that a tester has made to the kernel.
//!
//! After the kernel's own `aer_inject` and `cio_inject`.

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
