// SPDX-License-Identifier: GPL-2.0-only

//! The guest's processor during an instruction, with the registers and memory that the plugin
//! accesses.

/// The processor's registers and memory.
pub trait Guest {
    fn register(&self, number: usize) -> u64;
    fn set_register(&mut self, number: usize, value: u64);
    fn condition_code(&self) -> u8;
    fn set_condition_code(&mut self, code: u8);
    /// Reads at a virtual address; false if nothing is mapped there.
    fn read(&self, address: u64, into: &mut [u8]) -> bool;
    /// Writes at a virtual address; false if nothing is mapped there.
    fn write(&mut self, address: u64, from: &[u8]) -> bool;
    /// Reads at an absolute address.
    fn read_absolute(&self, address: u64, into: &mut [u8]) -> bool;
    /// Writes at an absolute address.
    fn write_absolute(&mut self, address: u64, from: &[u8]) -> bool;
}

/// Returns the big-endian number of 16 bits at an index.
pub fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Returns the big-endian number of 32 bits at an index.
pub fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from(be16(bytes, at)) << 16 | u32::from(be16(bytes, at + 2))
}

/// Replaces the upper half of a register.
pub fn set_upper(guest: &mut dyn Guest, number: usize, value: u32) {
    let lower = guest.register(number) & 0xffff_ffff;
    guest.set_register(number, u64::from(value) << 32 | lower);
}

/// Returns the status byte that an instruction has put into a register.
pub fn status(guest: &dyn Guest, number: usize) -> u8 {
    (guest.register(number) >> 24) as u8
}

pub fn set_status(guest: &mut dyn Guest, number: usize, status: u8) {
    let rest = guest.register(number) & !0xff00_0000;
    guest.set_register(number, rest | u64::from(status) << 24);
}

#[cfg(test)]
pub mod fake {
    use super::Guest;

    /// A processor with a page of memory, whose virtual and absolute addresses are the same.
    pub struct FakeGuest {
        pub registers: [u64; 16],
        pub code: u8,
        pub memory: Vec<u8>,
    }

    pub const MEMORY: u64 = 0x2000;

    impl FakeGuest {
        pub fn new() -> Self {
            FakeGuest {
                registers: [0; 16],
                code: 0,
                memory: vec![0; 8192],
            }
        }
    }

    impl Guest for FakeGuest {
        fn register(&self, number: usize) -> u64 {
            self.registers[number]
        }
        fn set_register(&mut self, number: usize, value: u64) {
            self.registers[number] = value;
        }
        fn condition_code(&self) -> u8 {
            self.code
        }
        fn set_condition_code(&mut self, code: u8) {
            self.code = code;
        }
        fn read(&self, address: u64, into: &mut [u8]) -> bool {
            let Some(at) = address.checked_sub(MEMORY).map(|at| at as usize) else {
                return false;
            };
            match self.memory.get(at..at + into.len()) {
                Some(bytes) => into.copy_from_slice(bytes),
                None => return false,
            }
            true
        }
        fn write(&mut self, address: u64, from: &[u8]) -> bool {
            let Some(at) = address.checked_sub(MEMORY).map(|at| at as usize) else {
                return false;
            };
            match self.memory.get_mut(at..at + from.len()) {
                Some(bytes) => bytes.copy_from_slice(from),
                None => return false,
            }
            true
        }
        fn read_absolute(&self, address: u64, into: &mut [u8]) -> bool {
            self.read(address, into)
        }
        fn write_absolute(&mut self, address: u64, from: &[u8]) -> bool {
            self.write(address, from)
        }
    }
}
