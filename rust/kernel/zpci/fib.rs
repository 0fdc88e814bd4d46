// SPDX-License-Identifier: GPL-2.0-only

//! Function information blocks (FIB): the operands of Modify PCI Function Controls.
//!
//! Nothing here depends on the kernel: the same file is compiled for the host and tested there.
//!
//! C header: [`arch/s390/include/asm/pci_insn.h`](srctree/arch/s390/include/asm/pci_insn.h)

/// How adapter interruptions of a function are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// To any CPU; each function has a summary bit of its own.
    Floating,
    /// To the CPU that an interrupt is directed to.
    Directed,
}

/// Where the indicators of floating interruptions are.
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

/// Where the indicators of directed interruptions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DirectedIndicators {
    /// Number of interrupts, at most 4095.
    pub(super) interrupts: u16,
    /// Number of the first bit in each CPU's vector.
    pub(super) first_bit: u16,
}

/// A function information block, as the instruction reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub(super) struct Fib([u64; Self::WORDS]);

impl Fib {
    const WORDS: usize = 10;

    /// Length of a block, in bytes.
    pub(super) const SIZE: usize = Self::WORDS * 8;

    const INTERRUPTIONS: usize = 5;
    const GUEST: usize = 9;

    /// A block for an operation without parameters but those that all have: the format, which
    /// the delivery of interruptions decides, and the guest interruption state designation
    /// (GISA), 0 where there is none.
    pub(super) const fn new(delivery: Delivery, gisa: u32) -> Self {
        let mut words = [0; Self::WORDS];

        if let Delivery::Directed = delivery {
            words[0] = 1 << 56;
        }
        // CAST: Widening only.
        words[Self::GUEST] = gisa as u64;
        Self(words)
    }

    /// A block that registers floating interruptions, with summary notification.
    pub(super) const fn floating(gisa: u32, to: FloatingIndicators) -> Self {
        let mut fib = Self::new(Delivery::Floating, gisa);
        // CAST: Widening only, in all three.
        let control = (to.subclass as u32 & 0x7) << 28
            | (to.interrupts as u32 & 0xfff) << 16
            | 1 << 7
            | (to.summary_bit & 0x3f) as u32;

        fib.0[Self::INTERRUPTIONS] = (control as u64) << 32;
        fib.0[Self::INTERRUPTIONS + 1] = to.vector;
        // The bit is numbered within a doubleword, which the address names.
        fib.0[Self::INTERRUPTIONS + 2] = to.summary + to.summary_bit / 64 * 8;
        fib
    }

    /// A block that registers directed interruptions.
    pub(super) const fn directed(gisa: u32, to: DirectedIndicators) -> Self {
        let mut fib = Self::new(Delivery::Directed, gisa);

        // CAST: Widening only, in both.
        fib.0[Self::INTERRUPTIONS] =
            (to.interrupts as u64 & 0xfff) << 48 | (to.first_bit as u64) << 16;
        fib
    }

    /// Returns the block as doublewords, which the instruction reads big-endian.
    pub(super) const fn words(&self) -> &[u64; Self::WORDS] {
        &self.0
    }
}
