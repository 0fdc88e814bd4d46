// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::uaccess`: memory of user space that has room for one record.

use crate::{
    prelude::*,
    zpci::Record, //
};
use std::cell::Cell;

/// The state of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    Present,
    /// The memory becomes present when a reader has waited for it.
    Absent,
    Forbidden,
}

pub(crate) struct Buffer {
    bytes: Cell<[u8; Record::SIZE]>,
    memory: Cell<Memory>,
}

impl Buffer {
    pub(crate) fn new(memory: Memory) -> Self {
        Self {
            bytes: Cell::new([0; Record::SIZE]),
            memory: Cell::new(memory),
        }
    }

    /// Returns the buffer's address, which is valid as long as the buffer is.
    pub(crate) fn address(&self) -> UserPtr {
        UserPtr {
            buffer: self,
            at: 0,
        }
    }

    pub(crate) fn bytes(&self) -> [u8; Record::SIZE] {
        self.bytes.get()
    }

    fn write(&self, at: usize, bytes: &[u8]) {
        let mut all = self.bytes.get();

        all[at..][..bytes.len()].copy_from_slice(bytes);
        self.bytes.set(all);
    }
}

#[derive(Clone, Copy)]
pub(crate) struct UserPtr {
    buffer: *const Buffer,
    at: usize,
}

impl UserPtr {
    pub(crate) fn as_mut_ptr(self) -> Self {
        self
    }

    pub(crate) fn wrapping_byte_add(self, count: usize) -> Self {
        Self {
            at: self.at + count,
            ..self
        }
    }

    fn buffer(&self) -> &Buffer {
        // SAFETY: The reader has the buffer on its stack, and waits for this call.
        unsafe { &*self.buffer }
    }

    /// Copies without waiting, and returns how many bytes are left to copy.
    pub(crate) fn copy_nofault(self, bytes: &[u8]) -> usize {
        if self.buffer().memory.get() != Memory::Present {
            return bytes.len();
        }
        self.buffer().write(self.at, bytes);
        0
    }
}

pub(crate) struct UserSlice(UserPtr, usize);

impl UserSlice {
    pub(crate) fn new(to: UserPtr, len: usize) -> Self {
        Self(to, len)
    }

    pub(crate) fn writer(self) -> UserSliceWriter {
        UserSliceWriter(self)
    }
}

pub(crate) struct UserSliceWriter(UserSlice);

impl UserSliceWriter {
    pub(crate) fn len(&self) -> usize {
        self.0 .1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn write_slice(&mut self, bytes: &[u8]) -> Result {
        let UserSlice(to, len) = &mut self.0;

        crate::sync::may_sleep();
        loom::thread::yield_now();
        if to.buffer().memory.get() == Memory::Forbidden {
            return Err(EFAULT);
        }
        to.buffer().memory.set(Memory::Present);
        to.buffer().write(to.at, bytes);
        *to = to.wrapping_byte_add(bytes.len());
        *len -= bytes.len();
        Ok(())
    }
}
