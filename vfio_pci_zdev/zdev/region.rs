// SPDX-License-Identifier: GPL-2.0-only

//! The error region: a read takes the oldest unread event, as a record. User space can map one page
//! of the region, the status page.
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

/// Writes `len` bytes to a reader: the record, cut if it is longer, and zeroes if it is shorter.
// Not inlined: there are three callers, and none has to be fast. The fast path, a read that takes
// an event, copies the event in `Recovery::take`.
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
    // CAST: The offset of the status page is a small number.
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
        // Write the zeroes before the record: if the reader's memory cannot take the zeroes, the
        // event must not be taken, or it would be lost.
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
