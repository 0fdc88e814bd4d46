// SPDX-License-Identifier: GPL-2.0-only

//! The service-call interface (SCLP): functions are configured and deconfigured, and the guest
//! sends reports about recoveries (event type 24, error notification), which QEMU does not accept.

use crate::guest::{be16, be32, Guest};

pub const CONFIGURE_PCI: u32 = 0x001a_0001;
pub const DECONFIGURE_PCI: u32 = 0x001b_0001;
pub const WRITE_EVENT_DATA: u32 = 0x0076_0005;
pub const WRITE_EVENT_MASK: u32 = 0x0078_0005;

/// Response codes.
pub const DONE: u16 = 0x0020;
pub const RESERVED: u16 = 0x05f0;

const HEADER_LEN: usize = 8;
const RESPONSE_AT: u64 = 6;

const TYPE_AT: usize = 10;
const FLAGS_AT: usize = 11;
const ACCEPTED: u8 = 0x80;
const ERROR_NOTIFICATION: u8 = 24;
/// The offset of the text, behind the time and the kind of the report.
const TEXT_AT: usize = 40;

const MASK_LEN_AT: usize = 10;
const MASKS_AT: usize = 12;

/// The block of a service call, at this absolute address.
pub struct Block {
    address: u64,
    raw: Vec<u8>,
}

impl Block {
    pub fn read(guest: &dyn Guest, address: u64) -> Option<Self> {
        let mut header = [0; HEADER_LEN];
        if !guest.read_absolute(address, &mut header) {
            return None;
        }
        let mut raw = vec![0; usize::from(be16(&header, 0)).max(TEXT_AT)];
        guest
            .read_absolute(address, &mut raw)
            .then_some(Block { address, raw })
    }

    pub fn response(&self) -> u16 {
        be16(&self.raw, RESPONSE_AT as usize)
    }

    pub fn set_response(&self, guest: &mut dyn Guest, response: u16) {
        guest.write_absolute(self.address + RESPONSE_AT, &response.to_be_bytes());
    }

    /// Returns the function that the guest wants to configure or deconfigure.
    pub fn fid(&self) -> u32 {
        be32(&self.raw, 12)
    }

    /// Returns the report about a recovery, if the block contains one.
    pub fn notification(&self) -> Option<Notification> {
        if self.raw[TYPE_AT] != ERROR_NOTIFICATION {
            return None;
        }
        let text = String::from_utf8_lossy(&self.raw[TEXT_AT..]);
        Some(Notification {
            fh: be32(&self.raw, 16),
            fid: be32(&self.raw, 20),
            text: text.trim_end_matches('\0').to_owned(),
        })
    }

    pub fn accept(&self, guest: &mut dyn Guest) {
        let flags = self.raw[FLAGS_AT] | ACCEPTED;
        guest.write_absolute(self.address + FLAGS_AT as u64, &[flags]);
        self.set_response(guest, DONE);
    }

    /// Adds reports about recoveries to the mask of events that the platform takes: the third mask,
    /// whose first bit is for type 1.
    pub fn offer(&self, guest: &mut dyn Guest) {
        let bit = usize::from(ERROR_NOTIFICATION) - 1;
        let len = usize::from(be16(&self.raw, MASK_LEN_AT));
        let at = MASKS_AT + 2 * len + bit / 8;
        if bit / 8 < len && at < self.raw.len() {
            let mask = self.raw[at] | 0x80 >> (bit % 8);
            guest.write_absolute(self.address + at as u64, &[mask]);
        }
    }
}

/// A report of the guest about a function's recovery.
#[derive(Debug, PartialEq, Eq)]
pub struct Notification {
    pub fh: u32,
    pub fid: u32,
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::fake::{FakeGuest, MEMORY};

    #[test]
    fn a_report() {
        let mut guest = FakeGuest::new();
        guest.memory[1] = 46;
        guest.memory[6..8].copy_from_slice(&[0x40, 0xf0]);
        guest.memory[8..12].copy_from_slice(&[0, 38, 24, 0]);
        guest.memory[14..24].copy_from_slice(&[2, 2, 0x81, 2, 0, 0, 0, 0, 0, 7]);
        guest.memory[40..46].copy_from_slice(b"report");
        guest.memory[46] = b'!';
        let block = Block::read(&guest, MEMORY).unwrap();
        let expected = Notification {
            fh: 0x8102_0000,
            fid: 7,
            text: "report".into(),
        };
        assert_eq!(block.notification(), Some(expected));
        assert_eq!(block.response(), 0x40f0);
        block.accept(&mut guest);
        assert_eq!(guest.memory[6..12], [0, 0x20, 0, 38, 24, 0x80]);
        guest.memory[10] = 26;
        let block = Block::read(&guest, MEMORY).unwrap();
        assert_eq!(block.notification(), None);
        assert!(Block::read(&guest, 0).is_none());
    }

    #[test]
    fn masks() {
        for len in [4, 8] {
            let mut guest = FakeGuest::new();
            guest.memory[1] = (MASKS_AT + 4 * len) as u8;
            guest.memory[MASK_LEN_AT + 1] = len as u8;
            let block = Block::read(&guest, MEMORY).unwrap();
            block.offer(&mut guest);
            assert_eq!(guest.memory[MASKS_AT + 2 * len + 2], 1);
            assert_eq!(
                guest.memory[MASKS_AT..].iter().filter(|b| **b != 0).count(),
                1
            );
        }
    }
}
