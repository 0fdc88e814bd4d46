// SPDX-License-Identifier: GPL-2.0-only

//! The error region: a read takes one event, as a record, and one page of the region can be mapped.
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
    vfio::pci::Region,
    zpci::{
        Device,
        Form,
        Record, //
    }, //
};

/// Writes a record to a reader of `len` bytes: cuts the record, or adds zeroes.
// Not inlined: there are three callers, and an event's record is written elsewhere.
#[inline(never)]
fn write(record: &[u8], to: UserPtr, len: usize) -> Result {
    const ZEROES: [u8; Record::SIZE] = [0; Record::SIZE];
    let mut writer = UserSlice::new(to, len).writer();

    writer.write_slice(&record[..core::cmp::min(len, record.len())])?;
    while !writer.is_empty() {
        writer.write_slice(&ZEROES[..core::cmp::min(writer.len(), ZEROES.len())])?;
    }
    Ok(())
}

/// The error region of a function.
pub(super) struct ErrorRegion;

impl Region for ErrorRegion {
    // CAST: A vendor ID has 16 bits.
    const VENDOR: u16 = bindings::VFIO_ZPCI_ERROR_REGION_VENDOR as u16;
    const SUBTYPE: u32 = bindings::VFIO_REGION_SUBTYPE_IBM_ZPCI_ERROR_REGION;
    const SIZE: usize = Self::MAPPABLE.end;
    // CAST: The subtype is a small number.
    const MAPPABLE: Range<usize> = bindings::VFIO_ZPCI_ERROR_REGION_STATUS as usize
        ..bindings::VFIO_ZPCI_ERROR_REGION_STATUS as usize + PAGE_SIZE;

    type Data = ARef<Device>;

    fn read(zdev: &Device, at: usize, to: UserPtr, len: usize) -> Result {
        let recovery = zdev.recovery();

        if at >= Record::SIZE {
            return Err(EINVAL);
        }
        if at != 0 || len < Record::TAKING {
            return write(&recovery.last_record().bytes()[at..], to, len);
        }
        // Write the zeroes first. If they failed after the record, the event would be taken and
        // lost.
        if len > Record::SIZE {
            write(&[], to.wrapping_byte_add(Record::SIZE), len - Record::SIZE)?;
        }
        match recovery.take(to, Form::Record(len))? {
            None => Ok(()),
            Some(dropped) => write(
                Record::empty(dropped).bytes(),
                to,
                core::cmp::min(len, Record::SIZE),
            ),
        }
    }

    fn map(zdev: &Device, vma: &VmaNew) -> Result {
        zdev.recovery().map_status(vma)
    }
}
