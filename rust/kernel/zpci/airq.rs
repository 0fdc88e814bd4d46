// SPDX-License-Identifier: GPL-2.0-only

//! Adapter interruptions of a function. Their registration tells the platform which bits in memory
//! (indicators) to set for an interrupt.
//!
//! C header: [`arch/s390/include/asm/airq.h`](srctree/arch/s390/include/asm/airq.h)

use super::{
    fib::{
        Fib,
        FloatingIndicators, //
    },
    Device, //
};
use crate::{
    bindings,
    prelude::*, //
};

const CC_ERROR: u8 = 1;
const CC_GONE: u8 = 3;
const NOT_REGISTERED: u8 = 24;

/// Whether this machine directs each adapter interruption to one CPU, instead of to any CPU.
fn is_directed() -> bool {
    // SAFETY: Always safe to call.
    unsafe { bindings::zpci_irq_is_directed() }
}

impl Device {
    fn modify(&self, operation: u32, fib: &Fib) -> Result<(), (u8, u8)> {
        let request = u64::from(self.fh().as_raw()) << 32 | u64::from(operation);
        let words = fib.words().as_ptr().cast_mut();
        let mut status = 0;
        // SAFETY: The FIB has the layout of the instruction's operand, and the instruction does not
        // write to the FIB. The instruction writes `status` only during the call.
        let cc = unsafe { bindings::zpci_mod_fc(request, words.cast(), &raw mut status) };

        match cc {
            0 => Ok(()),
            _ => Err((cc, status)),
        }
    }

    fn gisa(&self) -> u32 {
        // SAFETY: By the type invariant the function is valid. The field `gisa` is read in one
        // access.
        unsafe { (&raw const (*self.as_raw()).gisa).read_volatile() }
    }

    /// Registers the function's adapter interruptions with the platform, for the indicators that
    /// MSI setup has made.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the function has no indicators, [`EIO`] if the platform refuses.
    ///
    /// # Safety
    ///
    /// Nobody may free the indicators during the call: the caller must be part of MSI setup, or
    /// hold `reg_lock`, which MSI teardown takes as well.
    pub unsafe fn register_irq(&self) -> Result {
        let zdev = self.as_raw();

        let (operation, fib) = if is_directed() {
            // SAFETY: By the type invariant the function is valid.
            let (interrupts, first_bit) = unsafe { ((*zdev).msi_nr_irqs, (*zdev).msi_first_bit) };

            // CAST: The count of interrupts and the first bit are below 65536, because a CPU's
            // interrupt vector has far fewer bits.
            let fib = Fib::directed(self.gisa(), interrupts as u16, first_bit as u16);

            (bindings::ZPCI_MOD_FC_REG_INT_D, fib)
        } else {
            // SAFETY: By the type invariant the function is valid.
            let (aibv, summary_bit) = unsafe { ((*zdev).aibv, (*zdev).aisb) };

            if aibv.is_null() {
                return Err(EINVAL);
            }
            // SAFETY: The interrupt bit vector is valid from MSI setup to MSI teardown, and by the
            // caller's promise no teardown happens during the call.
            let (bits, vector) = unsafe { ((*aibv).end, (*aibv).vector) };
            let to = FloatingIndicators {
                // CAST: A subclass has three bits, a function has at most 2048 interrupts, and
                // `usize` has 64 bits on this architecture.
                subclass: bindings::PCI_ISC as u8,
                interrupts: bits as u16,
                // SAFETY: The interrupt bit vector is in the kernel's linear mapping, as the callee
                // requires.
                vector: unsafe { bindings::virt_to_phys(vector.cast()) },
                // SAFETY: Always safe to call.
                summary: unsafe { bindings::zpci_irq_summary() },
                summary_bit: summary_bit as u64,
            };

            (
                bindings::ZPCI_MOD_FC_REG_INT,
                Fib::floating(self.gisa(), to),
            )
        };

        self.modify(operation, &fib).map_err(|_| EIO)
    }

    /// Deregisters the function's adapter interruptions. Succeeds also if the function is gone or
    /// has no registered interruptions.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the platform refuses.
    pub fn deregister_irq(&self) -> Result {
        let directed = is_directed();
        let operation = if directed {
            bindings::ZPCI_MOD_FC_DEREG_INT_D
        } else {
            bindings::ZPCI_MOD_FC_DEREG_INT
        };

        match self.modify(operation, &Fib::new(directed, self.gisa())) {
            Ok(()) | Err((CC_GONE, _)) | Err((CC_ERROR, NOT_REGISTERED)) => Ok(()),
            Err(_) => Err(EIO),
        }
    }
}

crate::static_assert!(Fib::SIZE == core::mem::size_of::<bindings::zpci_fib>());
