// SPDX-License-Identifier: MIT OR Apache-2.0

//! Names of regions and interrupts of vfio-pci.

use vfio_bindings::bindings::vfio::{
    VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_BAR1_REGION_INDEX, VFIO_PCI_BAR2_REGION_INDEX,
    VFIO_PCI_BAR3_REGION_INDEX, VFIO_PCI_BAR4_REGION_INDEX, VFIO_PCI_BAR5_REGION_INDEX,
    VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_INTX_IRQ_INDEX,
    VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX,
    VFIO_PCI_ROM_REGION_INDEX,
};

/// A region of a function, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Region {
    /// The first base address register.
    Bar0,
    /// The second one, if the first has 32 bits.
    Bar1,
    /// The third one.
    Bar2,
    /// The fourth one.
    Bar3,
    /// The fifth one.
    Bar4,
    /// The sixth one.
    Bar5,
    /// The expansion ROM.
    Rom,
    /// Configuration space.
    Config,
}

impl Region {
    pub(crate) const fn index(self) -> u32 {
        match self {
            Self::Bar0 => VFIO_PCI_BAR0_REGION_INDEX,
            Self::Bar1 => VFIO_PCI_BAR1_REGION_INDEX,
            Self::Bar2 => VFIO_PCI_BAR2_REGION_INDEX,
            Self::Bar3 => VFIO_PCI_BAR3_REGION_INDEX,
            Self::Bar4 => VFIO_PCI_BAR4_REGION_INDEX,
            Self::Bar5 => VFIO_PCI_BAR5_REGION_INDEX,
            Self::Rom => VFIO_PCI_ROM_REGION_INDEX,
            Self::Config => VFIO_PCI_CONFIG_REGION_INDEX,
        }
    }
}

/// A kind of interrupt of a function, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Irq {
    /// The interrupt line.
    Intx,
    /// Message signalled interrupts.
    Msi,
    /// Message signalled interrupts of the extended kind.
    Msix,
    /// Errors, for which a [`Listener`](crate::Listener) registers an eventfd of its own.
    Error,
    /// The kernel asks the owner to close the function.
    Request,
}

impl Irq {
    pub(crate) const fn index(self) -> u32 {
        match self {
            Self::Intx => VFIO_PCI_INTX_IRQ_INDEX,
            Self::Msi => VFIO_PCI_MSI_IRQ_INDEX,
            Self::Msix => VFIO_PCI_MSIX_IRQ_INDEX,
            Self::Error => VFIO_PCI_ERR_IRQ_INDEX,
            Self::Request => VFIO_PCI_REQ_IRQ_INDEX,
        }
    }
}
