// SPDX-License-Identifier: MIT OR Apache-2.0

//! Functions that are opened by their address.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use crate::{
    dma::Iommu,
    error::{Context, Result},
    open::{self, Opened},
    reset, sys, Address, DmaMemory, Error, Irq, Region, Via, Window,
};

/// An open function, which belongs to this process until it is dropped.
///
/// ```no_run
/// use zpci_recover::{Function, Listener};
///
/// let function = Function::open("0001:00:00.0".parse()?)?;
/// let listener = Listener::new(&function)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Function {
    address: Address,
    via: Via,
    // In the order in which they have to be closed.
    device: OwnedFd,
    _group: Option<OwnedFd>,
    iommu: Arc<Iommu>,
}

impl Function {
    /// Opens a function that is bound to vfio-pci, through iommufd if there is that, or else
    /// through its group.
    ///
    /// The kernel resets it thereby.
    pub fn open(address: Address) -> Result<Self> {
        Self::open_via(address, open::way(address)?)
    }

    /// Opens a function in that way.
    pub fn open_via(address: Address, via: Via) -> Result<Self> {
        let Opened {
            device,
            group,
            iommu,
        } = open::open(address, via)?;

        Ok(Self {
            address,
            via,
            device,
            _group: group,
            iommu: Arc::new(iommu),
        })
    }

    /// Its address.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// How it was opened.
    pub const fn via(&self) -> Via {
        self.via
    }

    /// One of its regions.
    pub fn window(&self, region: Region) -> Result<Window<'_>> {
        Window::find(self.as_fd(), region)
    }

    /// Registers eventfds for the vectors of its interrupts, from the first one on.
    pub fn set_irqs(&self, irq: Irq, eventfds: &[BorrowedFd<'_>]) -> Result<()> {
        sys::set_irqs(self.as_fd(), irq, eventfds).context("cannot register interrupts")
    }

    /// Resets it, and asks for that again for five seconds while it is busy. An
    /// owner that listens for errors uses its [`Listener`](crate::Listener) instead.
    pub fn reset(&self) -> Result<()> {
        reset::until_done(self.as_fd())
    }

    /// The first address that it may use for DMA.
    pub fn dma_start(&self) -> Result<u64> {
        sys::device_info(self.as_fd())?
            .dma_start
            .ok_or(Error::Unexpected(
                "the kernel does not say where DMA addresses begin",
            ))
    }

    /// New memory that the function finds at the address `iova`, until it is dropped.
    pub fn map_dma(&self, size: usize, iova: u64) -> Result<DmaMemory> {
        DmaMemory::new(self.iommu.clone(), size, iova)
    }
}

/// The vfio device.
impl AsFd for Function {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
