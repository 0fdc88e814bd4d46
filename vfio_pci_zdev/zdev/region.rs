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
    sync::aref::ARef,
    uaccess::{
        UserPtr,
        UserSlice, //
    },
    vfio::pci::{
        Region,
        RegionType, //
    },
    zpci::{
        Device,
        Form,
        Record, //
    }, //
};

/// Writes what a reader wants of a record.
fn write(record: &[u8], to: UserPtr, len: usize) -> Result {
    let wanted = core::cmp::min(len, record.len());

    UserSlice::new(to, wanted)
        .writer()
        .write_slice(&record[..wanted])?;
    write_zeroes(to, wanted, len)
}

/// Writes zeroes behind a record, to a reader of more than that, such as of the whole region.
fn write_zeroes(to: UserPtr, from: usize, len: usize) -> Result {
    const ZEROES: [u8; Record::SIZE] = [0; Record::SIZE];
    let mut writer = UserSlice::new(to.wrapping_byte_add(from), len.saturating_sub(from)).writer();

    while !writer.is_empty() {
        writer.write_slice(&ZEROES[..core::cmp::min(writer.len(), ZEROES.len())])?;
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

    type Data = ARef<Device>;

    fn read(zdev: &Device, at: usize, to: UserPtr, len: usize) -> Result {
        let recovery = zdev.recovery()?;

        if at >= Record::SIZE {
            return Err(EINVAL);
        }
        if at != 0 || len < Record::TAKING {
            return write(&recovery.last_record().bytes()[at..], to, len);
        }
        // An event is the reader's once its bytes are there, so these come before them.
        if len > Record::SIZE {
            write_zeroes(to, Record::SIZE, len)?;
        }
        match recovery.take(to, Form::Record(len))? {
            None => Ok(()),
            Some(nothing) => write(nothing.bytes(), to, core::cmp::min(len, Record::SIZE)),
        }
    }

    fn map(zdev: &Device, vma: &VmaNew) -> Result {
        zdev.recovery()?.map_status(vma)
    }
}
