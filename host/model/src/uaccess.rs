// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::uaccess`: a buffer of user space for one record.

use crate::{
    prelude::*,
    zpci::Record, //
};

pub(crate) struct UserSliceWriter {
    bytes: [u8; Record::SIZE],
    written: usize,
    there: bool,
}

impl UserSliceWriter {
    /// Makes a buffer; one that is not `there` cannot be written to.
    pub(crate) fn new(there: bool) -> Self {
        Self {
            bytes: [0; Record::SIZE],
            written: 0,
            there,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn write_slice(&mut self, bytes: &[u8]) -> Result {
        crate::sync::may_sleep();
        loom::thread::yield_now();
        if !self.there {
            return Err(EFAULT);
        }
        self.bytes[self.written..][..bytes.len()].copy_from_slice(bytes);
        self.written += bytes.len();
        Ok(())
    }

    pub(crate) fn into_bytes(self) -> [u8; Record::SIZE] {
        self.bytes
    }
}
