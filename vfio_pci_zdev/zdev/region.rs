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

/// Writes what of a record is left to be written, as far as its reader wants it.
#[inline]
fn write(record: &[u8], to: &mut UserSliceWriter) -> Result {
    match record.get(..to.len()) {
        Some(wanted) => to.write_slice(wanted),
        None => write_and_fill(record, to),
    }
}

/// Who reads more than a record, such as the whole region, gets zeroes behind it.
#[cold]
fn write_and_fill(record: &[u8], to: &mut UserSliceWriter) -> Result {
    const ZEROES: [u8; Record::SIZE] = [0; Record::SIZE];

    to.write_slice(record)?;
    while !to.is_empty() {
        to.write_slice(&ZEROES[..core::cmp::min(to.len(), ZEROES.len())])?;
    }
    Ok(())
}

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
        let len = to.len();

        if at >= Record::SIZE {
            return Err(EINVAL);
        }
        if at != 0 || len < Record::TAKING {
            write(&function.last_record().bytes()[at..], to)?;
            return Ok(len);
        }
        match function.take() {
            Ok(delivery) => {
                write(delivery.record().bytes(), to)?;
                delivery.arrived();
            }
            Err(nothing) => write(nothing.bytes(), to)?,
        }
        Ok(len)
    }

    fn map(function: ArcBorrow<'_, Function>, vma: &VmaNew) -> Result {
        function.map_status(vma)
    }
}
