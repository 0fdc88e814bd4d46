// SPDX-License-Identifier: GPL-2.0-only

//! VFIO: devices that user space drives.
//!
//! C header: [`include/linux/vfio.h`](srctree/include/linux/vfio.h)

pub mod feature;
pub mod info;
pub mod pci;
