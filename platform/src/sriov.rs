// SPDX-License-Identifier: GPL-2.0-only

//! A physical function with virtual ones: the SR-IOV capability, which QEMU does not have, and the
//! registers that differ in a virtual function.

use crate::function::Availability;

/// The offset of the extended capabilities.
pub const AT: u64 = 0x100;
const LEN: usize = 0x40;

const CONTROL: usize = 0x08;
const INITIAL: usize = 0x0c;
const TOTAL: usize = 0x0e;
const NUMBER: usize = 0x10;
const OFFSET: usize = 0x14;
const STRIDE: usize = 0x16;
const DEVICE: usize = 0x1a;
const PAGE_SIZES: usize = 0x1c;
const PAGE_SIZE: usize = 0x20;

const VF_ENABLE: u8 = 1;

/// The requester ID of the first virtual function, relative to the physical one's.
pub const FIRST: u16 = 8;

/// The effect of a store to the capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// This number of virtual functions comes.
    Come(usize),
    /// All virtual functions go.
    Go,
}

pub struct Sriov {
    /// The virtual functions, in their order.
    pub fids: Vec<u32>,
    /// The availability of the virtual functions when they come.
    pub come: Availability,
    here: bool,
    raw: [u8; LEN],
}

impl Sriov {
    pub fn new(fids: Vec<u32>, come: Availability) -> Self {
        let mut sriov = Sriov {
            fids,
            come,
            here: false,
            raw: [0; LEN],
        };
        let total = sriov.fids.len() as u16;
        sriov.put(0, &0x0001_0010u32.to_le_bytes());
        for (at, value) in [
            (INITIAL, total),
            (TOTAL, total),
            (OFFSET, FIRST),
            (STRIDE, 1),
            (DEVICE, 0x0010),
            (PAGE_SIZES, 1),
        ] {
            sriov.put(at, &value.to_le_bytes());
        }
        sriov.power_on();
        sriov
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.raw[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Sets the capability to its values after power-on. Virtual functions stay: after a reset,
    /// Linux enables them again when it restores config space.
    pub fn power_on(&mut self) {
        self.put(CONTROL, &[0, 0]);
        self.put(NUMBER, &[0, 0]);
        self.put(PAGE_SIZE, &1u32.to_le_bytes());
    }

    /// Called when the physical function is taken away: its virtual functions lose their link to
    /// it.
    pub fn leave(&mut self) {
        self.power_on();
        self.here = false;
    }

    pub fn load(&self, offset: u64, bytes: &mut [u8]) {
        for (at, byte) in (offset - AT..).zip(bytes) {
            *byte = *self.raw.get(at as usize).unwrap_or(&0);
        }
    }

    fn is_enabled(&self) -> bool {
        self.raw[CONTROL] & VF_ENABLE != 0
    }

    pub fn store(&mut self, offset: u64, bytes: &[u8]) -> Option<Change> {
        let before = self.is_enabled();
        for (at, byte) in (offset - AT..).zip(bytes) {
            let at = at as usize;
            let is_writable = [
                CONTROL..CONTROL + 2,
                NUMBER..NUMBER + 2,
                PAGE_SIZE..PAGE_SIZE + 4,
            ]
            .iter()
            .any(|field| field.contains(&at));
            if is_writable {
                self.raw[at] = *byte;
            }
        }
        match (before, self.is_enabled(), self.here) {
            (_, true, false) => {
                self.here = true;
                let number = u16::from_le_bytes([self.raw[NUMBER], self.raw[NUMBER + 1]]);
                Some(Change::Come(usize::from(number).min(self.fids.len())))
            }
            (true, false, true) => {
                self.here = false;
                Some(Change::Go)
            }
            _ => None,
        }
    }
}

/// Bits that a virtual function does not have: the memory enable bit, as its memory is always
/// enabled, and the interrupt pin.
pub mod header {
    const COMMAND: u64 = 4;
    const MEMORY: u8 = 2;
    const INTERRUPT_PIN: u64 = 0x3d;

    fn place(at: u64, offset: u64, bytes: &mut [u8]) -> Option<&mut u8> {
        bytes.get_mut(usize::try_from(at.checked_sub(offset)?).ok()?)
    }

    /// Clears those bits in the bytes that the guest reads.
    pub fn hide(offset: u64, bytes: &mut [u8]) {
        if let Some(byte) = place(COMMAND, offset, bytes) {
            *byte &= !MEMORY;
        }
        if let Some(byte) = place(INTERRUPT_PIN, offset, bytes) {
            *byte = 0;
        }
    }

    /// Sets the memory bit in the bytes that QEMU gets, as QEMU's function needs it.
    pub fn set(offset: u64, bytes: &mut [u8]) {
        if let Some(byte) = place(COMMAND, offset, bytes) {
            *byte |= MEMORY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sriov() -> Sriov {
        Sriov::new(vec![2, 3], Availability::Standby)
    }

    fn load(sriov: &Sriov, at: usize) -> u16 {
        let mut bytes = [0; 2];
        sriov.load(AT + at as u64, &mut bytes);
        u16::from_le_bytes(bytes)
    }

    #[test]
    fn capability() {
        let mut s = sriov();
        assert_eq!((load(&s, 0), load(&s, 2)), (0x0010, 0x0001));
        assert_eq!((load(&s, TOTAL), load(&s, INITIAL)), (2, 2));
        assert_eq!((load(&s, OFFSET), load(&s, STRIDE)), (FIRST, 1));
        // A read-only field keeps its value, and reads behind the capability return 0.
        assert_eq!(s.store(AT + TOTAL as u64, &[9, 9]), None);
        assert_eq!(load(&s, TOTAL), 2);
        assert_eq!(load(&s, LEN), 0);
    }

    #[test]
    fn they_come_and_go() {
        let mut s = sriov();
        let (control, number) = (AT + CONTROL as u64, AT + NUMBER as u64);
        assert_eq!(s.store(number, &[5, 0]), None);
        assert_eq!(s.store(control, &[9, 0]), Some(Change::Come(2)));
        assert_eq!(s.store(control, &[9, 0]), None);
        assert_eq!(s.store(number, &[1, 0]), None);
        assert_eq!(s.store(control, &[0, 0]), Some(Change::Go));
        assert_eq!(s.store(control, &[0, 0]), None);
        assert_eq!(s.store(control, &[1, 0]), Some(Change::Come(1)));
        // A reset of the device's inside does not take virtual functions away.
        s.power_on();
        assert_eq!((load(&s, CONTROL), load(&s, NUMBER)), (0, 0));
        assert_eq!(s.store(control, &[0, 0]), None);
        assert_eq!(s.store(number, &[1, 0]), None);
        assert_eq!(s.store(control, &[1, 0]), None);
        s.leave();
        assert_eq!(s.store(number, &[1, 0]), None);
        assert_eq!(s.store(control, &[1, 0]), Some(Change::Come(1)));
    }

    #[test]
    fn header_of_a_virtual_one() {
        let mut bytes = [0x06, 0x04];
        header::hide(4, &mut bytes);
        assert_eq!(bytes, [0x04, 0x04]);
        header::set(4, &mut bytes);
        assert_eq!(bytes, [0x06, 0x04]);
        let mut bytes = [0; 4];
        header::set(5, &mut bytes);
        header::set(0, &mut bytes);
        assert_eq!(bytes, [0; 4]);
        let mut pin = [0xff, 1, 0xff];
        header::hide(0x3c, &mut pin);
        assert_eq!(pin, [0xff, 0, 0xff]);
        header::set(3, &mut bytes);
        assert_eq!(bytes, [0, 2, 0, 0]);
    }
}
