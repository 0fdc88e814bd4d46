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

/// An open function, which this process owns until this is dropped.
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
    // The fields are dropped in the order in which they must be closed.
    device: OwnedFd,
    _group: Option<OwnedFd>,
    iommu: Arc<Iommu>,
}

impl Function {
    /// Opens a function that is bound to vfio-pci: through iommufd if the kernel has it, or else
    /// through the function's group.
    ///
    /// The kernel resets the function when it is opened.
    pub fn open(address: Address) -> Result<Self> {
        Self::open_via(address, open::way(address)?)
    }

    /// Opens a function in one of the two ways.
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

    /// Returns the function's address.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Returns how the function was opened.
    pub const fn via(&self) -> Via {
        self.via
    }

    /// Returns a region of the function.
    pub fn window(&self, region: Region) -> Result<Window<'_>> {
        Window::find(self.as_fd(), region)
    }

    /// Registers eventfds for interrupt vectors, from the first vector on.
    pub fn set_irqs(&self, irq: Irq, eventfds: &[BorrowedFd<'_>]) -> Result<()> {
        sys::set_irqs(self.as_fd(), irq, eventfds).context("cannot register interrupts")
    }

    /// Resets the function, and tries again for five seconds while it is busy. An owner that
    /// listens for errors uses its [`Listener`](crate::Listener) instead.
    pub fn reset(&self) -> Result<()> {
        reset::until_done(self.as_fd())
    }

    /// Returns the first address that the function may use for DMA.
    pub fn dma_start(&self) -> Result<u64> {
        sys::device_info(self.as_fd())?
            .dma_start
            .ok_or(Error::Unexpected(
                "the kernel does not say where DMA addresses begin",
            ))
    }

    /// Maps new memory at the function's address `iova`, until it is dropped.
    pub fn map_dma(&self, size: usize, iova: u64) -> Result<DmaMemory> {
        DmaMemory::new(self.iommu.clone(), size, iova)
    }
}

/// Returns the descriptor of the vfio device.
impl AsFd for Function {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
