// SPDX-License-Identifier: GPL-2.0-only

//! Function information blocks (FIB): the operands of Modify PCI Function Controls.
//!
//! Nothing here depends on the kernel, so this file can also be compiled and tested outside of it.
//!
//! C header: [`arch/s390/include/asm/pci_insn.h`](srctree/arch/s390/include/asm/pci_insn.h)

/// The indicators of floating interruptions, which any CPU takes; each function has a summary bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FloatingIndicators {
    /// Interruption subclass, 0 to 7.
    pub(super) subclass: u8,
    /// Number of interrupts, at most 4095.
    pub(super) interrupts: u16,
    /// Absolute address of the function's interrupt bit vector.
    pub(super) vector: u64,
    /// Absolute address of the vector of summary bits.
    pub(super) summary: u64,
    /// Number of the function's summary bit in that vector.
    pub(super) summary_bit: u64,
}

/// A function information block, in the layout of the instruction's operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub(super) struct Fib([u64; Self::WORDS]);

impl Fib {
    const WORDS: usize = 10;

    /// Length of a block, in bytes.
    pub(super) const SIZE: usize = Self::WORDS * 8;

    const INTERRUPTIONS: usize = 5;
    const GUEST: usize = 9;

    /// Makes a block with only those parameters that every operation has: the format, which says
    /// whether interruptions are `directed` to a CPU, and the guest interruption state designation
    /// (GISA), 0 without a guest.
    pub(super) const fn new(directed: bool, gisa: u32) -> Self {
        let mut words = [0; Self::WORDS];

        // CAST: The target types are wider, in both.
        words[0] = (directed as u64) << 56;
        words[Self::GUEST] = gisa as u64;
        Self(words)
    }

    /// Makes a block that registers floating interruptions, with summary notification.
    pub(super) const fn floating(gisa: u32, to: FloatingIndicators) -> Self {
        let mut fib = Self::new(false, gisa);
        // CAST: The target types are wider, in all three.
        let control = (to.subclass as u32 & 0x7) << 28
            | (to.interrupts as u32 & 0xfff) << 16
            | 1 << 7
            | (to.summary_bit & 0x3f) as u32;

        fib.0[Self::INTERRUPTIONS] = (control as u64) << 32;
        fib.0[Self::INTERRUPTIONS + 1] = to.vector;
        // The address names a doubleword, and the bit's number counts within that doubleword.
        fib.0[Self::INTERRUPTIONS + 2] = to.summary + to.summary_bit / 64 * 8;
        fib
    }

    /// Makes a block that registers `count` directed interruptions, at most 4095. Their indicators
    /// begin at `first_bit` of each CPU's vector.
    pub(super) const fn directed(gisa: u32, interrupts: u16, first_bit: u16) -> Self {
        let mut fib = Self::new(true, gisa);

        // CAST: The target types are wider, in both.
        fib.0[Self::INTERRUPTIONS] = (interrupts as u64 & 0xfff) << 48 | (first_bit as u64) << 16;
        fib
    }

    /// Returns the block as the big-endian doublewords that the instruction reads.
    pub(super) const fn words(&self) -> &[u64; Self::WORDS] {
        &self.0
    }
}
