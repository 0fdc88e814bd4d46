// SPDX-License-Identifier: GPL-2.0-only

//! Function information blocks (FIB): the operands of the instruction Modify PCI Function Controls.
//!
//! Nothing in this file depends on the kernel, so the file is compiled and tested outside of the
//! kernel as well.
//!
//! C header: [`arch/s390/include/asm/pci_insn.h`](srctree/arch/s390/include/asm/pci_insn.h)

/// The indicators of a function with floating interruptions. Any CPU can take such an interruption,
/// and that CPU finds the function by the function's summary bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FloatingIndicators {
    /// The interruption subclass, 0 to 7.
    pub(super) subclass: u8,
    /// The number of the function's interrupts, at most 4095.
    pub(super) interrupts: u16,
    /// The absolute address of the function's interrupt bit vector.
    pub(super) vector: u64,
    /// The absolute address of the vector of all functions' summary bits.
    pub(super) summary: u64,
    /// The position of the function's summary bit in the vector of summary bits.
    pub(super) summary_bit: u64,
}

/// A function information block (FIB), in the layout that Modify PCI Function Controls reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub(super) struct Fib([u64; Self::WORDS]);

impl Fib {
    const WORDS: usize = 10;

    /// The length of a FIB, in bytes.
    pub(super) const SIZE: usize = Self::WORDS * 8;

    const INTERRUPTIONS: usize = 5;
    const GUEST: usize = 9;

    /// Makes a FIB with only the parameters that every operation has: the format, which says
    /// whether interruptions are `directed` to a CPU, and `gisa`, which designates the interruption
    /// state of the guest and is 0 without a guest.
    pub(super) const fn new(directed: bool, gisa: u32) -> Self {
        let mut words = [0; Self::WORDS];

        // CAST: `u64` is wider than `bool` and `u32`.
        words[0] = (directed as u64) << 56;
        words[Self::GUEST] = gisa as u64;
        Self(words)
    }

    /// Makes a FIB that registers floating interruptions with a summary bit.
    pub(super) const fn floating(gisa: u32, to: FloatingIndicators) -> Self {
        let mut fib = Self::new(false, gisa);
        // CAST: The subclass, the number of interrupts and `control` get wider types, and the
        // summary bit's position in its doubleword fits into 32 bits.
        let control = (to.subclass as u32 & 0x7) << 28
            | (to.interrupts as u32 & 0xfff) << 16
            | 1 << 7
            | (to.summary_bit & 0x3f) as u32;

        fib.0[Self::INTERRUPTIONS] = (control as u64) << 32;
        fib.0[Self::INTERRUPTIONS + 1] = to.vector;
        // The address is that of the doubleword with the summary bit, and `control` has the bit's
        // position in that doubleword.
        fib.0[Self::INTERRUPTIONS + 2] = to.summary + to.summary_bit / 64 * 8;
        fib
    }

    /// Makes a FIB that registers directed interruptions: `interrupts` is their number, at most
    /// 4095. Their indicators begin at `first_bit` of each CPU's vector.
    pub(super) const fn directed(gisa: u32, interrupts: u16, first_bit: u16) -> Self {
        let mut fib = Self::new(true, gisa);

        // CAST: `u64` is wider than `u16`.
        fib.0[Self::INTERRUPTIONS] = (interrupts as u64 & 0xfff) << 48 | (first_bit as u64) << 16;
        fib
    }

    /// Returns the FIB as the big-endian doublewords that the instruction reads.
    pub(super) const fn words(&self) -> &[u64; Self::WORDS] {
        &self.0
    }
}
