// SPDX-License-Identifier: GPL-2.0-only

//! A region cannot borrow a local variable: the variable is gone before the device is closed.

use kernel::{
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    },
    vfio::pci::{
        CoreDevice,
        Region, //
    }, //
};

struct Bytes;

impl Region for Bytes {
    const VENDOR: u16 = 0xfffe;
    const SUBTYPE: u32 = 2;
    const SIZE: usize = 4;
    type Data = KBox<&'static [u8; 4]>;

    fn read(data: &&'static [u8; 4], at: usize, to: UserPtr, len: usize) -> Result {
        UserSlice::new(to, len)
            .writer()
            .write_slice(&data[at..at + len])
    }
}

/// Registers a region of bytes on the stack.
///
/// # Safety
///
/// The device is being opened.
pub unsafe fn region_of_a_local(device: &CoreDevice) -> Result {
    let bytes = [1u8; 4];

    // SAFETY: By the caller's promise.
    unsafe { device.register_region::<Bytes>(KBox::new(&bytes, GFP_KERNEL)?) } //~ E0597
}
