// SPDX-License-Identifier: GPL-2.0-only

//! Content code descriptions (CCDF) of zPCI events, and the meaning of the codes in them.
//!
//! Nothing in this file depends on the kernel, so the file is compiled and tested outside of the
//! kernel as well.
//!
//! C header: [`arch/s390/include/asm/pci.h`](srctree/arch/s390/include/asm/pci.h)

/// A function handle, by which instructions name a PCI function. The handle changes when the
/// function is enabled, disabled or reset, so an instruction with an old handle has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionHandle(u32);

impl FunctionHandle {
    /// Wraps a handle as the platform gave it.
    pub const fn new(raw: u32) -> Self {
        Self(raw)
    }

    /// Returns the handle as the platform gave it.
    pub const fn as_raw(self) -> u32 {
        self.0
    }

    /// Whether the handle is that of an enabled function: the topmost bit of the handle says so.
    pub const fn is_enabled(self) -> bool {
        self.0 >> 31 != 0
    }
}

/// A function ID, by which requests to SCLP and CLP name a PCI function. The ID of a function never
/// changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionId(u32);

impl FunctionId {
    /// Wraps an ID as the platform gave it.
    pub const fn new(raw: u32) -> Self {
        Self(raw)
    }

    /// Returns the ID as the platform gave it.
    pub const fn as_raw(self) -> u32 {
        self.0
    }
}

/// A PCI event code (PEC), which says what an event reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pec(u16);

impl Pec {
    /// Wraps a code as the platform gave it.
    pub const fn new(raw: u16) -> Self {
        Self(raw)
    }

    /// Returns the code as the platform gave it.
    pub const fn as_raw(self) -> u16 {
        self.0
    }

    /// Returns the meaning of the code in an error event.
    pub const fn severity(self) -> Severity {
        match self.0 {
            0x002a..=0x002c => Severity::Measurement,
            0x003b | 0x0040 => Severity::Permanent,
            _ => Severity::Recoverable,
        }
    }

    /// Returns the meaning of the code in an availability event; [`None`] if this kernel does not
    /// know the code.
    pub const fn availability(self) -> Option<Availability> {
        match self.0 {
            0x0301 => Some(Availability::Configured),
            0x0302 => Some(Availability::Standby),
            0x0303 => Some(Availability::DeconfigurationRequested),
            0x0304 => Some(Availability::Deconfigured),
            0x0306 => Some(Availability::Several),
            0x0308 => Some(Availability::Reserved),
            _ => None,
        }
    }
}

/// The effect of an error on its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The error concerns only the function measurement block. The function still works.
    Measurement,
    /// The function is in the error state, and can be recovered.
    Recoverable,
    /// The function has failed for good: it needs a service action, or a recovery has failed.
    Permanent,
}

/// The change that an availability event reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// The function was reserved or in standby, and is configured now.
    Configured,
    /// The function was reserved, and is in standby now.
    Standby,
    /// The platform asks for the function back, because an operator wants it.
    DeconfigurationRequested,
    /// The function was configured, and the platform has deconfigured it without asking.
    Deconfigured,
    /// Several functions have changed, and the event names none of them.
    Several,
    /// The function was in standby, and is reserved now.
    Reserved,
}

/// A content code description (CCDF): an error event or an availability event, in the platform's
/// layout. The layout of an error event is `struct zpci_ccdf_err`. The fields that are read here
/// have the same place in both kinds of events.
///
/// All bytes of an event are kept, also the reserved ones, because a reader in user space may know
/// fields that the kernel does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ccdf([u8; Self::SIZE]);

impl Ccdf {
    /// The length of a CCDF, in bytes.
    pub const SIZE: usize = 32;

    /// A CCDF of zeroes, for records without an event.
    pub const NONE: Self = Self([0; Self::SIZE]);

    /// An availability event which says that several functions have changed.
    pub const SEVERAL: Self = {
        let mut event = Self::NONE;

        [event.0[30], event.0[31]] = 0x0306u16.to_be_bytes();
        event
    };

    /// Wraps the bytes of an event.
    pub const fn new(bytes: [u8; Self::SIZE]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the event.
    pub const fn bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    const fn word(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }

    /// Returns the function's handle at the time of the event.
    #[inline]
    pub const fn fh(&self) -> FunctionHandle {
        FunctionHandle(self.word(4))
    }

    /// Returns the ID of the event's function.
    #[inline]
    pub const fn fid(&self) -> FunctionId {
        FunctionId(self.word(8))
    }

    /// Returns the event's PCI event code.
    #[inline]
    pub const fn pec(&self) -> Pec {
        Pec(u16::from_be_bytes([self.0[30], self.0[31]]))
    }
}
