// SPDX-License-Identifier: MIT OR Apache-2.0

//! The two sources of events: the error region, and the error feature.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use vfio_bindings::bindings::vfio::{VFIO_PCI_NUM_REGIONS, VFIO_REGION_TYPE_PCI_VENDOR_TYPE};

use crate::{
    error::{Context, Result},
    event::{from_region, REGION_SIZE},
    info::RegionInfo,
    status::StatusPage,
    sys, Ccdf, Error, Event, Window,
};

const ERROR_REGION: (u32, u32) = (VFIO_REGION_TYPE_PCI_VENDOR_TYPE | 0x1014, 2);

/// How the kernel gives events to the owner of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Interface {
    /// The error region, which has all parts of a [`Record`](crate::Record).
    Region,
    /// The error feature of Linux 7.3, which has only the CCDF.
    Feature,
}

#[derive(Debug)]
pub(crate) enum Source {
    Region(RegionInfo),
    /// By the feature, with the length of an event.
    Feature(usize),
}

impl Source {
    pub(crate) fn find(device: BorrowedFd<'_>) -> Result<Self> {
        let info = sys::device_info(device)?;

        for index in VFIO_PCI_NUM_REGIONS..info.regions {
            match sys::region_info(device, index) {
                Ok(region) if region.kind == Some(ERROR_REGION) => {
                    return Ok(Self::Region(region));
                }
                _ => continue,
            }
        }
        match (sys::error_feature_probe(device), info.ccdf_length) {
            // The kernel writes all bytes of an event, so the buffer must have that length.
            (Ok(()), Some(length)) if length as usize >= Ccdf::SIZE => {
                Ok(Self::Feature(length as usize))
            }
            (Ok(()), _) => Err(Error::Unexpected(
                "the error feature does not say its length",
            )),
            (Err(Errno::NOTTY | Errno::INVAL), _) => Err(Error::NoInterface),
            (Err(error), _) => Err(error).context("cannot ask for the error feature"),
        }
    }

    pub(crate) const fn interface(&self) -> Interface {
        match self {
            Self::Region(_) => Interface::Region,
            Self::Feature(_) => Interface::Feature,
        }
    }

    /// Maps the status page, if the kernel has one.
    pub(crate) fn status_page(&self, device: BorrowedFd<'_>) -> Result<Option<StatusPage>> {
        match self {
            Self::Region(RegionInfo {
                offset,
                mappable: Some((at, length)),
                ..
            }) => Ok(Some(StatusPage::map(device, offset + at, *length)?)),
            Self::Region(_) | Self::Feature(_) => Ok(None),
        }
    }

    /// Takes the next event.
    pub(crate) fn take(&self, device: BorrowedFd<'_>) -> Result<Option<Event>> {
        match self {
            Self::Region(region) => {
                let mut bytes = [0; REGION_SIZE];

                Window::new(device, region).read(0, &mut bytes)?;
                from_region(&bytes)
            }
            Self::Feature(length) => match sys::error_feature_get(device, *length) {
                Ok(ccdf) => Ok(Some(Event::new(ccdf, None))),
                Err(Errno::NOMSG) => Ok(None),
                Err(error) => Err(error).context("cannot take an event"),
            },
        }
    }
}
