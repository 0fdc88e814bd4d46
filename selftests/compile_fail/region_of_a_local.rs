// SPDX-License-Identifier: GPL-2.0-only

//! A region cannot borrow what is gone before the device is closed.

use kernel::{
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    },
    vfio::pci::{
        Region,
        RegionType,
        Transition, //
    }, //
};

struct Bytes;

impl Region for Bytes {
    const TYPE: RegionType = RegionType::vendor(0xfffe, 2);
    const SIZE: usize = 4;
    const WRITABLE: bool = false;
    type Data = KBox<&'static [u8; 4]>;

    fn read(data: &&'static [u8; 4], at: usize, to: UserPtr, len: usize) -> Result {
        UserSlice::new(to, len)
            .writer()
            .write_slice(&data[at..at + len])
    }
}

/// Registers a region of bytes on the stack.
pub fn region_of_a_local(device: &Transition<'_>) -> Result {
    let bytes = [1u8; 4];

    device.register_region::<Bytes>(KBox::new(&bytes, GFP_KERNEL)?) //~ E0597
}
