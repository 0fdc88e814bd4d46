// SPDX-License-Identifier: GPL-2.0-only

//! The record of an error event, which user space reads from the error region.
//!
//! Nothing here depends on the kernel, so this file can also be compiled and tested outside of the
//! kernel.
//!
//! C header: [`include/uapi/linux/vfio_zdev_error.h`](srctree/include/uapi/linux/vfio_zdev_error.h)

use super::{
    ccdf::Severity,
    session::{
        RecoveredBy,
        Taken, //
    }, //
};

/// Bits of the record's `flags`.
pub(super) mod flags {
    /// The record contains an event.
    pub(in super::super) const PRESENT: u16 = 1 << 0;
    /// The event reports that the function has failed for good.
    pub(in super::super) const PERMANENT: u16 = 1 << 1;
    /// The host has recovered the function from the event.
    pub(in super::super) const HOST_RECOVERED: u16 = 1 << 2;
    /// The event came before the owner's last successful reset began.
    pub(in super::super) const STALE: u16 = 1 << 3;
    /// The owner did not listen and the host did not recover the function, which was left in error.
    pub(in super::super) const UNATTENDED: u16 = 1 << 4;
}

/// A `struct vfio_device_zpci_err_region`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record([u8; Self::SIZE]);

impl Record {
    /// Length of a record, in bytes.
    pub const SIZE: usize = 64;

    /// The minimum length of a read that takes an event out of the queue. These first bytes of a
    /// record hold the fields whose layout never changes.
    pub const TAKING: usize = 8;

    /// The offset of the CCDF, the event as the platform gave it.
    pub(super) const CCDF: usize = 32;

    #[inline]
    fn put<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        self.0[at..at + N].copy_from_slice(&bytes);
    }

    /// Makes a record without an event.
    pub fn empty(dropped: u32) -> Self {
        let mut record = Self([0; Self::SIZE]);

        // CAST: The length, 64, fits.
        record.put(8, (Self::SIZE as u32).to_ne_bytes());
        record.put(12, dropped.to_ne_bytes());
        record
    }

    /// Makes the record of an event.
    // Not inlined: each of the callers would get a copy of the code.
    #[inline(never)]
    pub(super) fn of(taken: &Taken) -> Self {
        let mut record = Self::empty(taken.dropped);
        let pending = &taken.pending;
        let code = pending.event.pec();
        let mut bits = flags::PRESENT;

        if matches!(code.severity(), Severity::Permanent) {
            bits |= flags::PERMANENT;
        }
        match pending.recovered_by {
            RecoveredBy::Owner => (),
            RecoveredBy::Host => bits |= flags::HOST_RECOVERED,
            RecoveredBy::Nobody => bits |= flags::UNATTENDED,
        }
        if taken.stale {
            bits |= flags::STALE;
        }
        record.put(0, code.as_raw().to_ne_bytes());
        record.put(2, bits.to_ne_bytes());
        // CAST: The count of unread events is far below `i32::MAX`.
        record.put(4, (taken.behind as i32).to_ne_bytes());
        record.put(16, pending.sequence.to_ne_bytes());
        record.put(24, pending.timestamp.to_ne_bytes());
        record.put(Self::CCDF, *pending.event.bytes());
        record
    }

    /// Returns the bytes of the record.
    pub const fn bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }
}
