// SPDX-License-Identifier: MIT OR Apache-2.0

//! Memory that a function reads and writes by DMA.

use std::{
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use vm_memory::{MmapRegion, VolatileMemory, VolatileSlice};

use crate::{
    error::{Context, Result},
    sys, Error,
};

/// The I/O address space in which memory is mapped.
#[derive(Debug)]
pub(crate) enum Iommu {
    Container(OwnedFd),
    Iommufd { fd: OwnedFd, ioas: u32 },
}

/// Memory that is mapped for DMA.
///
/// The function may change it at any time, so it is only reached by volatile accesses.
#[derive(Debug)]
pub struct DmaMemory {
    region: MmapRegion,
    iova: u64,
    iommu: Arc<Iommu>,
}

impl DmaMemory {
    pub(crate) fn new(iommu: Arc<Iommu>, size: usize, iova: u64) -> Result<Self> {
        let memory = Self {
            region: MmapRegion::new(size)
                .map_err(|_| Error::Unexpected("there is no memory for DMA"))?,
            iova,
            iommu,
        };

        memory.map().context("cannot map memory for DMA")?;
        Ok(memory)
    }

    fn map(&self) -> rustix::io::Result<()> {
        match &*self.iommu {
            Iommu::Container(fd) => sys::container_map(fd.as_fd(), &self.region, self.iova),
            Iommu::Iommufd { fd, ioas } => {
                sys::ioas_map(fd.as_fd(), *ioas, &self.region, self.iova)
            }
        }
    }

    fn unmap(&self) -> rustix::io::Result<()> {
        let (iova, size) = (self.iova, self.region.len());

        match &*self.iommu {
            Iommu::Container(fd) => sys::container_unmap(fd.as_fd(), iova, size),
            Iommu::Iommufd { fd, ioas } => sys::ioas_unmap(fd.as_fd(), *ioas, iova, size),
        }
    }

    /// Maps the memory once more, at the same address.
    ///
    /// The mapping outlives a reset. But Linux 7.3 in C does not tell QEMU of it again, and QEMU
    /// then reports the next access as another error. No other kernel or machine needs this call.
    pub fn renew(&self) -> Result<()> {
        self.unmap()
            .and_then(|()| self.map())
            .context("cannot map memory for DMA again")
    }

    /// Returns the memory's address for the function.
    pub const fn iova(&self) -> u64 {
        self.iova
    }

    /// Returns the memory.
    pub fn as_volatile_slice(&self) -> VolatileSlice<'_> {
        self.region.as_volatile_slice()
    }
}

impl Drop for DmaMemory {
    fn drop(&mut self) {
        // If this fails, the kernel keeps the mapping for the function; only the address is lost.
        let _ = self.unmap();
    }
}
