// SPDX-License-Identifier: MIT OR Apache-2.0

//! Content code descriptions (CCDF): error events in the platform's form.

use core::fmt;

use crate::Pec;

/// An error event of a function as the platform gives it: 32 big-endian bytes.
///
/// The bytes are kept whole, reserved bits included: a reader may know more of them than this
/// crate does.
///
/// ```
/// use zpci_recover::{Access, Ccdf};
///
/// let mut bytes = [0; Ccdf::SIZE];
/// bytes[11] = 0x01;                                   // function ID
/// bytes[16..24].copy_from_slice(&0x1_0020_0000_u64.to_be_bytes());
/// bytes[15] = 0x02;                                   // the access is known
/// bytes[31] = 0x02;                                   // PCI event code
///
/// let ccdf = Ccdf::from(bytes);
/// assert_eq!(ccdf.function_id(), 1);
/// assert_eq!(ccdf.failing_address(), 0x1_0020_0000);
/// assert_eq!(ccdf.access(), Some(Access::Read));
/// assert!(ccdf.pec().severity().is_transient());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ccdf([u8; Self::SIZE]);

/// Whether a failing DMA access was a read or a write of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Access {
    /// The function has read memory.
    Read,
    /// The function has written to memory.
    Write,
}

impl Access {
    /// The access in one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl Ccdf {
    /// Length of a CCDF, in bytes.
    pub const SIZE: usize = 32;

    /// Makes an event for a test; all other fields are 0.
    pub fn new(function_handle: u32, function_id: u32, pec: Pec) -> Self {
        let mut ccdf = Self([0; Self::SIZE]);

        ccdf.put(4, &function_handle.to_be_bytes());
        ccdf.put(8, &function_id.to_be_bytes());
        ccdf.put(30, &u16::from(pec).to_be_bytes());
        ccdf
    }

    /// Sets the address that could not be accessed.
    #[must_use]
    pub fn with_failing_access(mut self, access: Access, address: u64) -> Self {
        self.put(16, &address.to_be_bytes());
        self.0[15] &= !3;
        // The bit of the qualifier that says that the fields of the access are valid.
        self.0[15] |= 2 | u8::from(access == Access::Write);
        self
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    const fn word(&self, at: usize) -> u32 {
        let b = &self.0;

        u32::from_be_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
    }

    /// Returns the bytes of the event.
    pub const fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    /// Returns the function handle (FH) at the time of the error.
    pub const fn function_handle(&self) -> u32 {
        self.word(4)
    }

    /// Returns the function ID (FID), the platform's name of the function.
    pub const fn function_id(&self) -> u32 {
        self.word(8)
    }

    /// Returns the expected type of translation table (ETT), for errors of the translation.
    pub const fn expected_table_type(&self) -> u8 {
        self.0[12] >> 4
    }

    /// Returns the number of the MSI vector (MVN), for errors of an interrupt.
    pub const fn msi_vector(&self) -> u16 {
        u16::from_be_bytes([self.0[12], self.0[13]]) & 0xfff
    }

    /// Returns the DMA address space (DMAAS) that was accessed.
    pub const fn dma_address_space(&self) -> u8 {
        self.0[14]
    }

    /// Returns the event qualifier (Q).
    pub const fn qualifier(&self) -> bool {
        self.0[15] & 2 != 0
    }

    /// Returns whether the failing access was a read or a write; [`None`] if the qualifier says
    /// that the event does not tell.
    pub const fn access(&self) -> Option<Access> {
        match self.0[15] & 3 {
            2 => Some(Access::Read),
            3 => Some(Access::Write),
            _ => None,
        }
    }

    /// Returns the address that the function failed to access; 0 if the event has none.
    pub const fn failing_address(&self) -> u64 {
        // CAST: Widening only.
        (self.word(16) as u64) << 32 | self.word(20) as u64
    }

    /// Returns the PCI event code.
    pub const fn pec(&self) -> Pec {
        Pec::new(u16::from_be_bytes([self.0[30], self.0[31]]))
    }
}

/// Prints the bytes as 64 hexadecimal digits.
#[cfg(feature = "serde")]
impl serde::Serialize for Ccdf {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:x}"))
    }
}

impl From<[u8; Ccdf::SIZE]> for Ccdf {
    fn from(bytes: [u8; Ccdf::SIZE]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Ccdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ccdf")
            .field("pec", &self.pec())
            .field(
                "function_handle",
                &format_args!("{:#010x}", self.function_handle()),
            )
            .field("function_id", &format_args!("{:#010x}", self.function_id()))
            .field(
                "failing_address",
                &format_args!("{:#x}", self.failing_address()),
            )
            .field("access", &self.access())
            .field("qualifier", &self.qualifier())
            .field("dma_address_space", &self.dma_address_space())
            .field("msi_vector", &self.msi_vector())
            .field("expected_table_type", &self.expected_table_type())
            .finish()
    }
}

/// Serializes the bytes as 64 hexadecimal digits, which [`FromStr`](core::str::FromStr) reads.
impl fmt::LowerHex for Ccdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The error for a text that is no CCDF: a CCDF has 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a CCDF is 64 hexadecimal digits (32 bytes)")]
pub struct ParseCcdfError;

/// Blanks, colons and a leading `0x` are skipped, so that lines of a log can be pasted.
impl core::str::FromStr for Ccdf {
    type Err = ParseCcdfError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let digits = text
            .strip_prefix("0x")
            .or_else(|| text.strip_prefix("0X"))
            .unwrap_or(text);
        let mut bytes = [0; Self::SIZE];
        let mut count = 0;

        for c in digits.chars().filter(|c| !c.is_whitespace() && *c != ':') {
            let digit = c.to_digit(16).ok_or(ParseCcdfError)?;
            let byte = bytes.get_mut(count / 2).ok_or(ParseCcdfError)?;

            // CAST: A digit is less than 16.
            *byte = *byte << 4 | digit as u8;
            count += 1;
        }
        if count == 2 * Self::SIZE {
            Ok(Self(bytes))
        } else {
            Err(ParseCcdfError)
        }
    }
}
