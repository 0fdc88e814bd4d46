// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::pci`.

use crate::{
    bindings,
    sync::aref::Owned,
    zpci, //
};
use std::{
    cell::UnsafeCell,
    sync::{
        Arc,
        Weak, //
    }, //
};

/// The PCI device of the only function.
pub(crate) struct Device {
    zdev: Weak<zpci::Device>,
    raw: UnsafeCell<bindings::pci_dev>,
}

// SAFETY: The device belongs to a function, whose locks protect it.
unsafe impl Send for Device {}

// SAFETY: The device belongs to a function, whose locks protect it.
unsafe impl Sync for Device {}

impl Device {
    pub(crate) fn new(zdev: &Weak<zpci::Device>) -> Self {
        Self {
            zdev: zdev.clone(),
            raw: UnsafeCell::new(bindings::pci_dev::new(zdev.as_ptr())),
        }
    }

    pub(crate) fn as_raw(&self) -> *mut bindings::pci_dev {
        self.raw.get()
    }

    pub(crate) fn zdev(&self) -> &zpci::Device {
        // SAFETY: The function contains the device, so it is valid.
        unsafe { &*self.zdev.as_ptr() }
    }
}

impl Owned for Device {
    fn owner(&self) -> Arc<zpci::Device> {
        self.zdev.upgrade().unwrap()
    }
}
