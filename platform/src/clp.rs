// SPDX-License-Identifier: GPL-2.0-only

//! The blocks of CLP: a request of 32 bytes, with its response behind it.

use crate::guest::{be16, be32, Guest};

pub const LIST: u16 = 2;
pub const QUERY: u16 = 3;
pub const SET: u16 = 5;

/// Operations of `SET`.
pub const ENABLE: u8 = 0;
pub const DISABLE: u8 = 1;

/// Response codes.
pub const OK: u16 = 0x0010;
pub const BAD_HANDLE: u16 = 0x0101;
/// The operation is not allowed in the function's state.
pub const BAD_OPERATION: u16 = 0x0102;
pub const ALREADY: u16 = 0x0105;
pub const PERMANENT: u16 = 0x0106;
pub const BUSY: u16 = 0x0108;

const REQUEST_LEN: u64 = 32;
const HANDLE_AT: u64 = 16;
const OPERATION_AT: u64 = 22;
const ENTRIES_AT: usize = 32;
const ENTRY_LEN: usize = 16;

/// A request of the guest, at this address.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    address: u64,
    pub command: u16,
    /// Present only in `QUERY` and `SET`.
    pub handle: u32,
    /// Present only in `SET`.
    pub operation: u8,
}

impl Request {
    pub fn read(guest: &dyn Guest, address: u64) -> Option<Self> {
        let mut raw = [0; REQUEST_LEN as usize];
        guest.read(address, &mut raw).then(|| Request {
            address,
            command: be16(&raw, 2),
            handle: be32(&raw, 16),
            operation: raw[OPERATION_AT as usize],
        })
    }

    /// Replaces the handle in the request: by QEMU's before the instruction, and by the guest's
    /// afterwards.
    pub fn set_handle(&self, guest: &mut dyn Guest, handle: u32) {
        guest.write(self.address + HANDLE_AT, &handle.to_be_bytes());
    }

    pub fn set_operation(&self, guest: &mut dyn Guest, operation: u8) {
        guest.write(self.address + OPERATION_AT, &[operation]);
    }

    /// Calls `change` with the response to `QUERY`; `change` can modify the response.
    pub fn change_query<const N: usize>(
        &self,
        guest: &mut dyn Guest,
        change: impl FnOnce(&mut [u8; N]),
    ) {
        let at = self.address + REQUEST_LEN;
        let mut raw = [0; N];
        if guest.read(at, &mut raw) {
            change(&mut raw);
            guest.write(at, &raw);
        }
    }

    pub fn response(&self, guest: &dyn Guest) -> u16 {
        let mut raw = [0; 2];
        guest.read(self.address + REQUEST_LEN + 2, &mut raw);
        be16(&raw, 0)
    }

    pub fn set_response(&self, guest: &mut dyn Guest, response: u16) {
        guest.write(self.address + REQUEST_LEN + 2, &response.to_be_bytes());
    }

    /// Returns the handle in the response to `SET`.
    pub fn new_handle(&self, guest: &dyn Guest) -> u32 {
        let mut raw = [0; 4];
        guest.read(self.address + REQUEST_LEN + HANDLE_AT, &mut raw);
        be32(&raw, 0)
    }

    pub fn set_new_handle(&self, guest: &mut dyn Guest, handle: u32) {
        guest.write(
            self.address + REQUEST_LEN + HANDLE_AT,
            &handle.to_be_bytes(),
        );
    }

    /// Calls `change` with each function in the response to `LIST`. `change` can modify the
    /// function, or drop it by returning false.
    pub fn change_list(&self, guest: &mut dyn Guest, mut change: impl FnMut(&mut Entry) -> bool) {
        let at = self.address + REQUEST_LEN;
        let mut header = [0; 2];
        guest.read(at, &mut header);
        let mut raw = vec![0; usize::from(be16(&header, 0))];
        if raw.len() < ENTRIES_AT || !guest.read(at, &mut raw) {
            return;
        }
        let entries = raw.split_off(ENTRIES_AT);
        for entry in entries.chunks_exact(ENTRY_LEN) {
            let mut raw_entry = [0; ENTRY_LEN];
            raw_entry.copy_from_slice(entry);
            let mut entry = Entry(raw_entry);
            if change(&mut entry) {
                raw.extend_from_slice(&entry.0);
            }
        }
        let len = raw.len() as u16;
        raw[..2].copy_from_slice(&len.to_be_bytes());
        guest.write(at, &raw);
    }
}

/// A function in a list.
pub struct Entry([u8; ENTRY_LEN]);

impl Entry {
    pub fn fid(&self) -> u32 {
        be32(&self.0, 8)
    }

    pub fn handle(&self) -> u32 {
        be32(&self.0, 12)
    }

    pub fn set_configured(&mut self, configured: bool) {
        const CONFIGURED: u8 = 0x80;
        self.0[4] = if configured { CONFIGURED } else { 0 };
    }

    pub fn set_handle(&mut self, handle: u32) {
        self.0[12..].copy_from_slice(&handle.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::fake::{FakeGuest, MEMORY};

    #[test]
    fn set() {
        let mut guest = FakeGuest::new();
        guest.memory[..24].copy_from_slice(&[
            0, 32, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 2, 0, 1, 0, 0, 1, 1,
        ]);
        let request = Request::read(&guest, MEMORY).unwrap();
        assert_eq!((request.command, request.operation), (SET, DISABLE));
        assert_eq!(request.handle, 0x8002_0001);
        request.set_response(&mut guest, OK);
        request.set_new_handle(&mut guest, 0x0102_0001);
        assert_eq!(request.response(&guest), OK);
        assert_eq!(request.new_handle(&guest), 0x0102_0001);
        assert_eq!(guest.memory[34..36], [0, 0x10]);
        assert_eq!(guest.memory[48..52], [1, 2, 0, 1]);
        request.set_handle(&mut guest, 7);
        assert_eq!(guest.memory[16..20], [0, 0, 0, 7]);
        assert!(Request::read(&guest, 0).is_none());
    }

    #[test]
    fn list() {
        let mut guest = FakeGuest::new();
        guest.memory[..4].copy_from_slice(&[0, 32, 0, 2]);
        guest.memory[32..34].copy_from_slice(&[0, 32 + 3 * 16]);
        for number in 0..3u8 {
            let at = 64 + usize::from(number) * 16;
            guest.memory[at + 11] = number;
            guest.memory[at + 15] = 0x10 + number;
        }
        let request = Request::read(&guest, MEMORY).unwrap();
        request.change_list(&mut guest, |entry| {
            entry.set_handle(entry.handle() + 0x100);
            entry.fid() != 1
        });
        assert_eq!(guest.memory[32..34], [0, 32 + 2 * 16]);
        assert_eq!(guest.memory[64 + 8..64 + 16], [0, 0, 0, 0, 0, 0, 1, 0x10]);
        assert_eq!(guest.memory[80 + 8..80 + 16], [0, 0, 0, 2, 0, 0, 1, 0x12]);
    }
}
