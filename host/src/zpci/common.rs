// SPDX-License-Identifier: GPL-2.0-only

//! Code that several of the tests and models share.

use super::{
    ccdf::Ccdf,
    session::RecoveredBy, //
};

/// Both codes of a permanent failure.
pub(super) const PERMANENT: [u16; 2] = [0x003b, 0x0040];

/// The codes about the measurement block.
pub(super) const MEASUREMENT: [u16; 3] = [0x002a, 0x002b, 0x002c];

/// A code of a transient error.
pub(super) const RECOVERABLE: u16 = 0x003a;

/// The sides that may recover a function.
pub(super) const RECOVERED_BY: [RecoveredBy; 3] =
    [RecoveredBy::Owner, RecoveredBy::Host, RecoveredBy::Nobody];

/// Makes the bytes of an event, as the platform does: big-endian.
pub(super) fn ccdf(handle: u32, function: u32, address: u64, code: u16) -> [u8; 32] {
    let mut bytes = [0; 32];

    bytes[4..8].copy_from_slice(&handle.to_be_bytes());
    bytes[8..12].copy_from_slice(&function.to_be_bytes());
    bytes[16..24].copy_from_slice(&address.to_be_bytes());
    bytes[30..32].copy_from_slice(&code.to_be_bytes());
    bytes
}

/// Makes an event with this number in its bytes, so that tests can tell events apart.
pub(super) fn event(number: u64, code: u16) -> Ccdf {
    Ccdf::new(ccdf(0x8000_0001, 0x17, number, code))
}
