// SPDX-License-Identifier: GPL-2.0-only

//! The instructions that the plugin looks at, and their operands.

/// An instruction that the plugin looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Call logical processor: list, query, enable and disable functions.
    Clp,
    /// Channel subsystem call: among others, store event information.
    Chsc,
    /// Store channel report word.
    Stcrw,
    /// Service call: the SCLP interface.
    Servc,
    /// PCI load.
    Load,
    /// PCI store.
    Store,
    /// PCI store block.
    StoreBlock,
    /// Modify PCI function controls.
    Modify,
    /// Store PCI function controls.
    StoreControls,
    /// Refresh PCI translations.
    Refresh,
    /// A branch that is never taken. A program of the guest uses it to give the plugin a command.
    Call,
}

/// The branch: BRCL with mask 0, and "zpci" in place of its target.
pub const CALL: [u8; 6] = [0xc0, 0x04, b'z', b'p', b'c', b'i'];

/// An instruction in the guest's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Insn {
    pub op: Op,
    pub pc: u64,
    bytes: [u8; 6],
}

impl Insn {
    /// Decodes the first bytes of an instruction; none if the plugin does not look at it.
    pub fn decode(pc: u64, bytes: [u8; 6]) -> Option<Self> {
        let op = match bytes {
            [0xb9, 0xa0, ..] => Op::Clp,
            [0xb2, 0x5f, ..] => Op::Chsc,
            [0xb2, 0x39, ..] => Op::Stcrw,
            [0xb2, 0x20, ..] => Op::Servc,
            [0xb9, 0xd0, ..] => Op::Store,
            [0xb9, 0xd2, ..] => Op::Load,
            [0xb9, 0xd3, ..] => Op::Refresh,
            [0xe3, .., 0xd0] => Op::Modify,
            [0xe3, .., 0xd4] => Op::StoreControls,
            [0xeb, .., 0xd0] => Op::StoreBlock,
            CALL => Op::Call,
            _ => return None,
        };
        Some(Insn { op, pc, bytes })
    }

    /// Returns the address of the next instruction.
    pub fn next(&self) -> u64 {
        let long = matches!(
            self.op,
            Op::Modify | Op::StoreControls | Op::StoreBlock | Op::Call
        );
        self.pc.wrapping_add(if long { 6 } else { 4 })
    }

    /// Returns the number of the register whose upper half has the function handle.
    pub fn handle_register(&self) -> usize {
        match self.op {
            Op::Load | Op::Store => self.second(),
            Op::Refresh => self.first(),
            _ => usize::from(self.bytes[1] >> 4),
        }
    }

    /// Returns the number of the first register of an RRE instruction.
    pub fn first(&self) -> usize {
        usize::from(self.bytes[3] >> 4)
    }

    /// Returns the number of the second register of an RRE instruction.
    pub fn second(&self) -> usize {
        usize::from(self.bytes[3] & 15)
    }

    /// Returns the address of the storage operand; `register` reads a register.
    pub fn address(&self, register: impl Fn(usize) -> u64) -> u64 {
        let used = |number: u8| match number & 15 {
            0 => 0,
            number => register(usize::from(number)),
        };
        let low = u64::from(self.bytes[2] & 15) << 8 | u64::from(self.bytes[3]);
        let base = used(self.bytes[2] >> 4).wrapping_add(low);
        match self.op {
            Op::Modify | Op::StoreControls => {
                let high = i64::from(self.bytes[4] as i8) << 12;
                base.wrapping_add(used(self.bytes[1]))
                    .wrapping_add(high as u64)
            }
            _ => base,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insn(bytes: [u8; 6]) -> Insn {
        Insn::decode(0x1000, bytes).unwrap()
    }

    #[test]
    fn what_is_looked_at() {
        for (bytes, op, next) in [
            ([0xb9, 0xa0, 0x00, 0x21, 0, 0], Op::Clp, 0x1004),
            ([0xb2, 0x5f, 0x00, 0x20, 0, 0], Op::Chsc, 0x1004),
            ([0xb2, 0x39, 0xf0, 0xa0, 0, 0], Op::Stcrw, 0x1004),
            ([0xb2, 0x20, 0x00, 0x12, 0, 0], Op::Servc, 0x1004),
            ([0xb9, 0xd0, 0x00, 0x24, 0, 0], Op::Store, 0x1004),
            ([0xb9, 0xd2, 0x00, 0x24, 0, 0], Op::Load, 0x1004),
            ([0xb9, 0xd3, 0x00, 0x24, 0, 0], Op::Refresh, 0x1004),
            ([0xe3, 0x10, 0x20, 0x00, 0x00, 0xd0], Op::Modify, 0x1006),
            (
                [0xe3, 0x10, 0x20, 0x00, 0x00, 0xd4],
                Op::StoreControls,
                0x1006,
            ),
            ([0xeb, 0x13, 0x20, 0x00, 0x00, 0xd0], Op::StoreBlock, 0x1006),
            (CALL, Op::Call, 0x1006),
        ] {
            let insn = insn(bytes);
            assert_eq!((insn.op, insn.next()), (op, next));
        }
        // LG differs from LMG only in the last byte. A conditional branch with another target is no
        // command.
        for bytes in [
            [0xe3, 0x10, 0x20, 0x00, 0x00, 0x04],
            [0xeb, 0x13, 0x20, 0x00, 0x00, 0x04],
            [0xc0, 0x84, b'z', b'p', b'c', b'i'],
        ] {
            assert_eq!(Insn::decode(0, bytes), None);
        }
    }

    #[test]
    fn where_the_handle_is() {
        assert_eq!(insn([0xb9, 0xd2, 0, 0x24, 0, 0]).handle_register(), 4);
        assert_eq!(insn([0xb9, 0xd0, 0, 0x24, 0, 0]).handle_register(), 4);
        assert_eq!(insn([0xb9, 0xd3, 0, 0x24, 0, 0]).handle_register(), 2);
        assert_eq!(insn([0xe3, 0x50, 0x20, 0, 0, 0xd0]).handle_register(), 5);
        assert_eq!(insn([0xeb, 0x53, 0x20, 0, 0, 0xd0]).handle_register(), 5);
    }

    #[test]
    fn where_the_operand_is() {
        let register = |number: usize| (number as u64) << 32;
        let modify = insn([0xe3, 0x52, 0xf1, 0x23, 0x01, 0xd0]);
        assert_eq!(modify.address(register), (17 << 32) + 0x1123);
        let negative = insn([0xe3, 0x50, 0xf0, 0x00, 0xff, 0xd4]);
        assert_eq!(negative.address(register), (15 << 32) - 0x1000);
        let stcrw = insn([0xb2, 0x39, 0x00, 0xa0, 0, 0]);
        assert_eq!(stcrw.address(register), 0xa0);
    }
}
