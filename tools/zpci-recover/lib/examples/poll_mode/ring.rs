// SPDX-License-Identifier: MIT OR Apache-2.0

//! A pair of rings: commands for the controller, and its answers.

use std::sync::atomic::Ordering;

use vm_memory::{Bytes, VolatileMemoryError, VolatileSlice};

pub const ENTRIES: u16 = 16;
/// Each ring fills a page.
pub const PAGE: usize = 0x1000;

const COMMAND_SIZE: usize = 64;
const COMPLETION_SIZE: usize = 16;

/// A command: the 16 words that the specification calls CDW0 to CDW15.
#[derive(Clone, Copy, Default)]
pub struct Command(pub [u32; 16]);

impl Command {
    pub fn new(opcode: u8, namespace: u32, data: u64) -> Self {
        let mut words = [0; 16];

        words[0] = u32::from(opcode);
        words[1] = namespace;
        // CAST: The two halves of the number.
        words[6] = data as u32;
        words[7] = (data >> 32) as u32;
        Self(words)
    }

    pub fn with(mut self, word: usize, value: u32) -> Self {
        self.0[word] = value;
        self
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Ring {
    /// Number of the queue: 0 is the one for administration.
    pub id: u16,
    tail: u16,
    pub head: u16,
    phase: u16,
    command: u16,
}

impl Ring {
    pub fn new(id: u16) -> Self {
        Self {
            id,
            tail: 0,
            head: 0,
            phase: 1,
            command: 0,
        }
    }

    /// Address of the commands for the device.
    pub fn commands_at(&self) -> usize {
        2 * PAGE * usize::from(self.id)
    }

    pub fn completions_at(&self) -> usize {
        self.commands_at() + PAGE
    }

    /// Puts a command into the ring. Returns the value for its doorbell.
    pub fn push(
        &mut self,
        memory: VolatileSlice<'_>,
        command: Command,
    ) -> Result<u16, VolatileMemoryError> {
        let at = self.commands_at() + COMMAND_SIZE * usize::from(self.tail);
        let mut bytes = [0; COMMAND_SIZE];

        self.command = self.command.wrapping_add(1);
        let command = command.with(0, command.0[0] | u32::from(self.command) << 16);
        for (to, word) in bytes.chunks_exact_mut(4).zip(command.0) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        // No barrier: the doorbell is rung by a system call, which comes after these stores.
        memory.write_slice(&bytes, at)?;
        self.tail = (self.tail + 1) % ENTRIES;
        Ok(self.tail)
    }

    /// Takes the answer to the last command, if it has come: whether the command succeeded.
    pub fn pop(&mut self, memory: VolatileSlice<'_>) -> Result<Option<bool>, VolatileMemoryError> {
        let at = self.completions_at() + COMPLETION_SIZE * usize::from(self.head);
        let status = u16::from_le(memory.load(at + 14, Ordering::Acquire)?);

        // The rest of an entry is valid only if its phase is that of this round.
        if status & 1 != self.phase {
            return Ok(None);
        }
        let command = u16::from_le(memory.load(at + 12, Ordering::Relaxed)?);
        self.head = (self.head + 1) % ENTRIES;
        if self.head == 0 {
            self.phase ^= 1;
        }
        Ok(Some(status >> 1 == 0 && command == self.command))
    }
}
