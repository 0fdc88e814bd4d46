// SPDX-License-Identifier: MIT OR Apache-2.0

//! Registers of the controller, from the NVM Express Base Specification.

use zpci_recover::{Function, Region, Result, Window};

pub const CAP: u64 = 0x00;
pub const CC: u64 = 0x14;
pub const CSTS: u64 = 0x1c;
pub const AQA: u64 = 0x24;
pub const ASQ: u64 = 0x28;
pub const ACQ: u64 = 0x30;
pub const DOORBELL: u64 = 0x1000;

/// Submission entries have 64 bytes, completion entries 16; enabled.
pub const CC_RUN: u32 = 6 << 16 | 4 << 20 | 1;
pub const CSTS_READY: u32 = 1;

const COMMAND: u64 = 4;
/// Lets the function respond to loads and stores, and do DMA.
const COMMAND_ENABLE: u16 = 0b110;

pub struct Registers<'a> {
    config: Window<'a>,
    bar: Window<'a>,
}

impl<'a> Registers<'a> {
    pub fn new(function: &'a Function) -> Result<Self> {
        Ok(Self {
            config: function.window(Region::Config)?,
            bar: function.window(Region::Bar0)?,
        })
    }

    pub fn enable_function(&self) -> Result<()> {
        let mut command = [0; 2];

        self.config.read(COMMAND, &mut command)?;
        let command = u16::from_le_bytes(command) | COMMAND_ENABLE;
        self.config.write(COMMAND, &command.to_le_bytes())
    }

    pub fn load(&self, register: u64) -> Result<u32> {
        let mut value = [0; 4];

        self.bar.read(register, &mut value)?;
        Ok(u32::from_le_bytes(value))
    }

    pub fn store(&self, register: u64, value: u32) -> Result<()> {
        self.bar.write(register, &value.to_le_bytes())
    }

    pub fn store_address(&self, register: u64, value: u64) -> Result<()> {
        // CAST: The two halves of the number.
        self.store(register, value as u32)?;
        self.store(register + 4, (value >> 32) as u32)
    }
}
