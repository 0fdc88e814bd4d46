// SPDX-License-Identifier: GPL-2.0-only

//! The error region: one event at a time, with what the kernel knows of it.
//!
//! C header: [`include/uapi/linux/vfio_zdev_error.h`](srctree/include/uapi/linux/vfio_zdev_error.h)

use core::ops::Range;
use kernel::{
    bindings,
    mm::virt::VmaNew,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    },
    uaccess::UserSliceWriter,
    vfio::pci::{
        Region,
        RegionType, //
    },
    zpci::{
        Function,
        Record, //
    }, //
};

/// The error region of a function.
pub(super) struct ErrorRegion;

impl Region for ErrorRegion {
    const TYPE: RegionType = RegionType::vendor(
        // CAST: A vendor ID has 16 bits.
        bindings::VFIO_ZPCI_ERROR_REGION_VENDOR as u16,
        bindings::VFIO_REGION_SUBTYPE_IBM_ZPCI_ERROR_REGION,
    );
    // CAST: Small numbers.
    const SIZE: usize = bindings::VFIO_ZPCI_ERROR_REGION_STATUS as usize + PAGE_SIZE;
    const WRITABLE: bool = false;
    const MAPPABLE: Option<Range<usize>> =
        Some(bindings::VFIO_ZPCI_ERROR_REGION_STATUS as usize..Self::SIZE);

    type Data = Arc<Function>;

    fn read(
        function: ArcBorrow<'_, Function>,
        at: usize,
        to: &mut UserSliceWriter,
    ) -> Result<usize> {
        let end = at + to.len();

        if end > Record::SIZE {
            return Err(EINVAL);
        }
        if at != 0 || end < Record::TAKING {
            to.write_slice(&function.last_record().bytes()[at..end])?;
            return Ok(end - at);
        }
        match function.take() {
            Ok(delivery) => {
                to.write_slice(&delivery.record().bytes()[..end])?;
                delivery.arrived();
            }
            Err(nothing) => to.write_slice(&nothing.bytes()[..end])?,
        }
        Ok(end)
    }

    fn map(function: ArcBorrow<'_, Function>, vma: &VmaNew) -> Result {
        function.map_status(vma)
    }
}
