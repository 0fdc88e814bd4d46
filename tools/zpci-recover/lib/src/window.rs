// SPDX-License-Identifier: MIT OR Apache-2.0

//! Regions of a device: its registers, its configuration space, its errors.

use std::os::fd::BorrowedFd;

use rustix::io::{pread, pwrite};

use crate::{
    error::{Context, Result},
    info::RegionInfo,
    sys, Error, Region,
};

/// A region of an open device, read and written by system calls.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    device: BorrowedFd<'a>,
    offset: u64,
    size: u64,
}

impl<'a> Window<'a> {
    /// Makes a window for a region.
    pub fn find(device: BorrowedFd<'a>, region: Region) -> Result<Self> {
        Ok(Self::new(
            device,
            &sys::region_info(device, region.index())?,
        ))
    }

    pub(crate) const fn new(device: BorrowedFd<'a>, info: &RegionInfo) -> Self {
        Self {
            device,
            offset: info.offset,
            size: info.size,
        }
    }

    /// Returns the length of the region in bytes; 0 if there is no such region.
    pub const fn size(&self) -> u64 {
        self.size
    }

    fn place(&self, offset: u64, len: usize) -> Result<u64> {
        match offset.checked_add(len as u64) {
            Some(end) if end <= self.size => Ok(self.offset + offset),
            _ => Err(Error::Unexpected("the access is outside of the region")),
        }
    }

    /// Fills `buffer` from an offset on.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let at = self.place(offset, buffer.len())?;
        let len = buffer.len();

        match pread(self.device, buffer, at).context("cannot read from a region of the function")? {
            done if done == len => Ok(()),
            _ => Err(Error::Unexpected("a region has ended early")),
        }
    }

    /// Writes all of `bytes` at an offset.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let at = self.place(offset, bytes.len())?;

        match pwrite(self.device, bytes, at).context("cannot write to a region of the function")? {
            done if done == bytes.len() => Ok(()),
            _ => Err(Error::Unexpected("a region has ended early")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_access_leaves_its_region(size in 0..4096_u64, offset: u64, len in 0..8192_usize) {
            let null = std::fs::File::open("/dev/null").unwrap();
            let window = Window { device: null.as_fd(), offset: 1 << 40, size };

            match window.place(offset, len) {
                Ok(at) => prop_assert!(at + len as u64 <= (1 << 40) + size),
                Err(_) => prop_assert!(u128::from(offset) + len as u128 > u128::from(size)),
            }
        }
    }
}
