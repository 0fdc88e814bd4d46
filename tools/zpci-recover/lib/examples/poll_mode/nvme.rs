// SPDX-License-Identifier: MIT OR Apache-2.0

//! A small NVMe driver without interrupts: it polls the completion rings.

use std::{
    error::Error,
    thread,
    time::{Duration, Instant},
};

use vm_memory::Bytes;
use zpci_recover::{DmaMemory, Function};

use crate::{
    registers::{Registers, ACQ, AQA, ASQ, CAP, CC, CC_RUN, CSTS, CSTS_READY, DOORBELL},
    ring::{Command, Ring, ENTRIES, PAGE},
};

pub const BLOCK_SIZE: usize = 512;

const PATIENCE: Duration = Duration::from_secs(10);
/// Offsets of two pairs of rings, and of a page for data.
const DATA_AT: usize = 4 * PAGE;
const DMA_SIZE: usize = 5 * PAGE;
/// Offset of an address where nothing is mapped, from the first address that the function can use.
const UNMAPPED: u64 = 0x20_0000;

const CREATE_SUBMISSION: u8 = 0x01;
const CREATE_COMPLETION: u8 = 0x05;
const READ: u8 = 0x02;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

type Alarm = zpci_recover::Result<bool>;

pub struct Nvme<'a> {
    registers: Registers<'a>,
    memory: DmaMemory,
    stride: u64,
    admin: Ring,
    io: Ring,
}

impl<'a> Nvme<'a> {
    pub fn new(function: &'a Function) -> Result<Self> {
        Ok(Self {
            memory: function.map_dma(DMA_SIZE, function.dma_start()?)?,
            registers: Registers::new(function)?,
            stride: 0,
            admin: Ring::new(0),
            io: Ring::new(1),
        })
    }

    /// Sets the controller up, at first or after a reset.
    pub fn start(&mut self) -> Result<()> {
        // Linux 7.3 in C may leave Command as it was when the kernel found the function.
        self.registers.enable_function()?;
        self.stride = 4 << (self.registers.load(CAP + 4)? & 0xf);
        self.enable(self.address(self.admin.commands_at()))?;

        let size = u32::from(ENTRIES) - 1;
        let id = u32::from(self.io.id);
        let completions =
            Command::new(CREATE_COMPLETION, 0, self.address(self.io.completions_at()))
                .with(10, size << 16 | id)
                .with(11, 1);
        let commands = Command::new(CREATE_SUBMISSION, 0, self.address(self.io.commands_at()))
            .with(10, size << 16 | id)
            .with(11, id << 16 | 1);
        for command in [completions, commands] {
            if !self.submit(true, command, || Ok(false))?.unwrap_or(false) {
                return Err("the controller has refused a queue".into());
            }
        }
        Ok(())
    }

    /// Reads a block. `alarm` says whether there is an error, which ends the read without a result.
    pub fn read(
        &mut self,
        block: u64,
        alarm: impl FnMut() -> Alarm,
    ) -> Result<Option<[u8; BLOCK_SIZE]>> {
        let mut data = [0xa5; BLOCK_SIZE];

        // Overwrites the block that an earlier read has left, so that it does not pass for this
        // one.
        self.memory
            .as_volatile_slice()
            .write_slice(&data, DATA_AT)?;
        match self.submit(false, read(block, self.address(DATA_AT)), alarm)? {
            None => Ok(None),
            Some(false) => Err(format!("block {block} could not be read").into()),
            Some(true) => {
                self.memory
                    .as_volatile_slice()
                    .read_slice(&mut data, DATA_AT)?;
                Ok(Some(data))
            }
        }
    }

    /// Maps the memory again where the kernel does not tell an emulator to.
    pub fn renew_mapping(&self) -> Result<()> {
        Ok(self.memory.renew()?)
    }

    /// Makes the controller fetch a command from an address that is not mapped: an error of the
    /// device's own DMA.
    pub fn provoke_error(&mut self) -> Result<()> {
        self.enable(self.memory.iova() + UNMAPPED)?;
        self.ring(self.admin.id, false, 1)
    }

    /// Enables the controller, with the rings for administration at that address.
    fn enable(&mut self, commands: u64) -> Result<()> {
        let size = u32::from(ENTRIES) - 1;

        // Disabled first: a late answer could come after the rings are cleared.
        self.registers.store(CC, 0)?;
        self.wait_ready(0)?;
        self.memory
            .as_volatile_slice()
            .write_slice(&[0; DMA_SIZE], 0)?;
        (self.admin, self.io) = (Ring::new(0), Ring::new(1));
        self.registers.store(AQA, size << 16 | size)?;
        self.registers.store_address(ASQ, commands)?;
        self.registers
            .store_address(ACQ, self.address(self.admin.completions_at()))?;
        self.registers.store(CC, CC_RUN)?;
        self.wait_ready(CSTS_READY)
    }

    fn address(&self, offset: usize) -> u64 {
        self.memory.iova() + offset as u64
    }

    fn wait_ready(&self, wanted: u32) -> Result<()> {
        let start = Instant::now();

        while start.elapsed() < PATIENCE {
            match self.registers.load(CSTS)? {
                u32::MAX => return Err("the controller is cut off".into()),
                status if status & CSTS_READY == wanted => return Ok(()),
                _ => thread::sleep(Duration::from_millis(1)),
            }
        }
        Err("the controller does not start".into())
    }

    fn ring(&self, queue: u16, completions: bool, value: u16) -> Result<()> {
        let index = 2 * u64::from(queue) + u64::from(completions);

        Ok(self
            .registers
            .store(DOORBELL + index * self.stride, value.into())?)
    }

    /// Waits for the answer to a command, and returns whether it succeeded; none if an alarm came.
    fn submit(
        &mut self,
        admin: bool,
        command: Command,
        mut alarm: impl FnMut() -> Alarm,
    ) -> Result<Option<bool>> {
        let memory = self.memory.as_volatile_slice();
        let ring = if admin { &mut self.admin } else { &mut self.io };
        let (queue, tail) = (ring.id, ring.push(memory, command)?);
        let start = Instant::now();

        self.ring(queue, false, tail)?;
        while start.elapsed() < PATIENCE {
            let ring = if admin { &mut self.admin } else { &mut self.io };

            if let Some(done) = ring.pop(self.memory.as_volatile_slice())? {
                let head = ring.head;

                self.ring(queue, true, head)?;
                return Ok(Some(done));
            }
            if alarm()? {
                return Ok(None);
            }
        }
        Err("the controller does not answer".into())
    }
}

/// Makes a command that reads one block.
fn read(block: u64, to: u64) -> Command {
    // CAST: The two halves of the number.
    Command::new(READ, 1, to)
        .with(10, block as u32)
        .with(11, (block >> 32) as u32)
}
