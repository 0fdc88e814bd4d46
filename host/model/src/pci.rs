// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::pci`.

use crate::{
    sync::aref::ARef,
    zpci, //
};

/// The PCI device of the one function.
pub(crate) struct Device {
    pub(crate) zdev: ARef<zpci::Device>,
}

impl Device {
    pub(crate) fn of(zdev: &zpci::Device) -> Self {
        Self { zdev: zdev.into() }
    }
}
