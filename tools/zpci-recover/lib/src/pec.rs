// SPDX-License-Identifier: MIT OR Apache-2.0

//! PCI event codes (PEC), and what they mean.

use core::fmt;

/// A PCI event code.
///
/// ```
/// use zpci_recover::{Pec, Severity};
///
/// assert_eq!(Pec::new(0x3b).severity(), Severity::Permanent);
/// assert_eq!(Pec::new(0x4).to_string(), "0x4");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Pec(u16);

/// The meaning of an event for the function, as the kernel treats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Severity {
    /// The function is in the error state; a reset brings it back.
    Transient,
    /// The function has failed for good: a reset is not expected to help.
    Permanent,
    /// The event is about the function's measurement block; the function works on.
    Measurement,
    /// No error: the availability of the function has changed.
    Availability,
}

impl Severity {
    /// Whether the event calls for a reset.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Transient)
    }

    /// Whether the function has failed for good.
    pub const fn is_permanent(self) -> bool {
        matches!(self, Self::Permanent)
    }

    /// The severity in one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Measurement => "measurement",
            Self::Availability => "availability",
        }
    }

    /// Returns advice for an operator.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Transient => "the function is in the error state, its owner has to reset it",
            Self::Permanent => "the function is lost, an operator has to look after it",
            Self::Measurement => "the function works on, nothing has to be done",
            Self::Availability => "nothing has failed",
        }
    }
}

impl Pec {
    /// Wraps a code as the platform gives it.
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// Returns the severity of the code.
    pub const fn severity(self) -> Severity {
        match self.0 {
            0x003b | 0x0040 => Severity::Permanent,
            0x002a..=0x002c => Severity::Measurement,
            0x0300..=0x03ff => Severity::Availability,
            _ => Severity::Transient,
        }
    }

    /// Returns the meaning of the code in words; [`None`] if it is not known.
    ///
    /// The architecture itself is not public. The words come from IBM's description of z/VM's
    /// monitor records, from the kernel, and from the emulator; for some codes they are little more
    /// than a name.
    pub const fn meaning(self) -> Option<&'static str> {
        Some(match self.0 {
            0x0001 => "DMA to an address space for which no translation is registered",
            0x0002 => "DMA to an address outside of the function's range",
            0x0003 => "DMA with a translation anchor of an invalid format",
            0x0004 => "DMA that the translation does not allow; in QEMU also an unmapped address",
            0x0005 => "DMA write to an address that is mapped read-only",
            0x0006 => "DMA with a storage key that does not match",
            0x0007 => "DMA through an invalid entry of a translation table",
            0x0008 => "DMA through a translation table of an invalid length or offset",
            0x0009 => "DMA through a translation table of the wrong type",
            0x0010 => "an MSI, but no interrupts are registered for it",
            0x0011 => "an MSI with a vector that is not valid",
            0x0012 => "the interrupt bit vector could not be accessed",
            0x0013 => "the indicators of adapter interruptions could not be accessed",
            0x002a => "the measurement block could not be accessed",
            0x002b => "the measurement block could not be updated",
            0x002c => "the measurement block is protected",
            0x003a => "the function was put into the error state",
            0x003b => "the function has failed for good",
            0x0040 => "the platform could not recover the function",
            0x0301 => "the function has been configured",
            0x0302 => "the function has become standby",
            0x0303 => "an operator asks for the function to be given back",
            0x0304 => "the function was taken away",
            0x0306 => "several functions have changed at once",
            0x0308 => "the function has been reserved",
            _ => return None,
        })
    }
}

impl From<u16> for Pec {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<Pec> for u16 {
    fn from(pec: Pec) -> Self {
        pec.0
    }
}

impl fmt::Debug for Pec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pec({self})")
    }
}

/// Prints a code as the kernel's messages do: `0x3a`.
impl fmt::Display for Pec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:#x}", self.0))
    }
}

/// The error for a text that is no event code: a code is hexadecimal and below 0x10000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event code is hexadecimal, from 0x0 to 0xffff")]
pub struct ParsePecError;

/// Reads hexadecimal with or without `0x`, as the kernel's messages have it.
impl core::str::FromStr for Pec {
    type Err = ParsePecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text
            .strip_prefix("0x")
            .or_else(|| text.strip_prefix("0X"))
            .unwrap_or(text);

        // Signs are refused here: the parser of integers would accept them.
        if !(1..=4).contains(&digits.len()) || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(ParsePecError);
        }
        u16::from_str_radix(digits, 16)
            .map(Self)
            .map_err(|_| ParsePecError)
    }
}
