// SPDX-License-Identifier: GPL-2.0-only

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

/// What translates the function's addresses.
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
        let region =
            MmapRegion::new(size).map_err(|_| Error::Unexpected("there is no memory for DMA"))?;

        match &*iommu {
            Iommu::Container(fd) => sys::container_map(fd.as_fd(), &region, iova),
            Iommu::Iommufd { fd, ioas } => sys::ioas_map(fd.as_fd(), *ioas, &region, iova),
        }
        .context("cannot map memory for DMA")?;
        Ok(Self {
            region,
            iova,
            iommu,
        })
    }

    /// Its address for the function.
    pub const fn iova(&self) -> u64 {
        self.iova
    }

    /// The memory.
    pub fn as_volatile_slice(&self) -> VolatileSlice<'_> {
        self.region.as_volatile_slice()
    }
}

impl Drop for DmaMemory {
    fn drop(&mut self) {
        // Should this fail, the kernel keeps the memory for the function, and this process loses
        // only the address of it.
        let _ = match &*self.iommu {
            Iommu::Container(fd) => sys::container_unmap(fd.as_fd(), self.iova, self.region.len()),
            Iommu::Iommufd { fd, ioas } => {
                sys::ioas_unmap(fd.as_fd(), *ioas, self.iova, self.region.len())
            }
        };
    }
}
