// SPDX-License-Identifier: MIT OR Apache-2.0

//! Events as the owner of a function gets them.

use std::time::Duration;

use crate::{Ccdf, Error, Pec, Result, Severity};

/// An error event that the owner of a function has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Event {
    ccdf: Ccdf,
    record: Option<Record>,
}

/// The parts of an event that only the error region has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Record {
    /// Number of the event since the function was opened, from 1. A gap stands for dropped events.
    pub sequence: u64,
    /// When the event was captured, on the monotonic clock.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "timestamp_ns", serialize_with = "nanoseconds")
    )]
    pub timestamp: Duration,
    /// Number of events that were queued behind this one.
    pub pending: u32,
    /// Number of events that were dropped since the function was opened, because the queue was
    /// full.
    pub dropped: u32,
    /// The function has failed for good.
    pub permanent: bool,
    /// The host has recovered the function, as its owner did not listen.
    pub host_recovered: bool,
    /// The event is older than the last reset by the owner itself. Other resets do not count.
    pub stale: bool,
    /// The owner did not listen, and the host left the function in error.
    pub unattended: bool,
}

#[cfg(feature = "serde")]
fn nanoseconds<S: serde::Serializer>(
    time: &Duration,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    // CAST: The kernel has given the time as 64 bits.
    serializer.serialize_u64(time.as_nanos() as u64)
}

impl Event {
    /// Makes an event for a test of a driver; real events come from a
    /// [`Listener`](crate::Listener).
    pub const fn new(ccdf: Ccdf, record: Option<Record>) -> Self {
        Self { ccdf, record }
    }

    /// Returns the event as the platform gave it.
    pub const fn ccdf(&self) -> &Ccdf {
        &self.ccdf
    }

    /// Returns the parts that only the error region has; [`None`] from the error feature.
    pub const fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// Returns the event code.
    pub const fn pec(&self) -> Pec {
        self.ccdf.pec()
    }

    /// Returns the severity: the meaning of the event for the function.
    pub fn severity(&self) -> Severity {
        match &self.record {
            Some(record) if record.permanent => Severity::Permanent,
            _ => self.pec().severity(),
        }
    }

    /// Whether the event is a permanent failure, and the function was not reset since.
    pub fn is_loss(&self) -> bool {
        self.severity().is_permanent() && !self.record.as_ref().is_some_and(|record| record.stale)
    }

    /// Whether the owner must reset the function because of the event. That is not so if no reset
    /// helps, if the owner's last reset is newer, or if the host has recovered the function.
    pub fn needs_reset(&self) -> bool {
        let done = |record: &Record| record.stale || record.host_recovered;

        self.severity().is_transient() && !self.record.as_ref().is_some_and(done)
    }
}

/// The number of bytes that a read of the error region takes.
pub(crate) const REGION_SIZE: usize = 64;

const PRESENT: u16 = 1 << 0;
const PERMANENT: u16 = 1 << 1;
const HOST_RECOVERED: u16 = 1 << 2;
const STALE: u16 = 1 << 3;
const UNATTENDED: u16 = 1 << 4;

fn bytes<const N: usize>(region: &[u8; REGION_SIZE], at: usize) -> [u8; N] {
    std::array::from_fn(|i| region[at + i])
}

/// Reads a `struct vfio_device_zpci_err_region`.
pub(crate) fn from_region(region: &[u8; REGION_SIZE]) -> Result<Option<Event>> {
    let flags = u16::from_ne_bytes(bytes(region, 2));

    if flags & PRESENT == 0 {
        return Ok(None);
    }
    // A later kernel may have more bytes, but never fewer.
    if (u32::from_ne_bytes(bytes(region, 8)) as usize) < REGION_SIZE {
        return Err(Error::Unexpected(
            "the error region gives less than an event",
        ));
    }
    let pending = i32::from_ne_bytes(bytes(region, 4));
    let record = Record {
        sequence: u64::from_ne_bytes(bytes(region, 16)),
        timestamp: Duration::from_nanos(u64::from_ne_bytes(bytes(region, 24))),
        pending: pending.max(0).unsigned_abs(),
        dropped: u32::from_ne_bytes(bytes(region, 12)),
        permanent: flags & PERMANENT != 0,
        host_recovered: flags & HOST_RECOVERED != 0,
        stale: flags & STALE != 0,
        unattended: flags & UNATTENDED != 0,
    };

    Ok(Some(Event::new(
        Ccdf::from(bytes(region, 32)),
        Some(record),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn region(flags: u16, length: u32) -> [u8; REGION_SIZE] {
        let mut region = [0; REGION_SIZE];

        region[0..2].copy_from_slice(&4_u16.to_ne_bytes());
        region[2..4].copy_from_slice(&flags.to_ne_bytes());
        region[4..8].copy_from_slice(&2_i32.to_ne_bytes());
        region[8..12].copy_from_slice(&length.to_ne_bytes());
        region[12..16].copy_from_slice(&5_u32.to_ne_bytes());
        region[16..24].copy_from_slice(&7_u64.to_ne_bytes());
        region[24..32].copy_from_slice(&1_500_000_000_u64.to_ne_bytes());
        region[32..].copy_from_slice(Ccdf::new(0x8002_0000, 1, Pec::new(4)).as_bytes());
        region
    }

    #[test]
    fn every_field_is_where_the_header_has_it() {
        let event = from_region(&region(PRESENT, 64)).unwrap().unwrap();

        assert_eq!(event.pec(), Pec::new(4));
        assert_eq!(event.ccdf().function_handle(), 0x8002_0000);
        assert_eq!(
            event.record(),
            Some(&Record {
                sequence: 7,
                timestamp: Duration::from_millis(1500),
                pending: 2,
                dropped: 5,
                permanent: false,
                host_recovered: false,
                stale: false,
                unattended: false,
            })
        );
        assert!(event.needs_reset());
    }

    #[test]
    fn each_flag_is_read() {
        let record = |flag| from_region(&region(PRESENT | flag, 64)).unwrap().unwrap();

        assert_eq!(record(PERMANENT).severity(), Severity::Permanent);
        assert!(record(HOST_RECOVERED).record().unwrap().host_recovered);
        assert!(record(STALE).record().unwrap().stale);
        assert!(record(UNATTENDED).record().unwrap().unattended);
        assert!(record(UNATTENDED).needs_reset());
        for flag in [PERMANENT, HOST_RECOVERED, STALE] {
            assert!(!record(flag).needs_reset());
        }
        assert!(record(PERMANENT).is_loss());
        assert!(!record(PERMANENT | STALE).is_loss());
    }

    #[test]
    fn without_an_event_there_is_none() {
        assert_eq!(from_region(&region(0, 64)).unwrap(), None);
        assert_eq!(from_region(&region(PERMANENT, 64)).unwrap(), None);
        assert_eq!(from_region(&[0; REGION_SIZE]).unwrap(), None);
    }

    #[test]
    fn less_than_an_event_is_an_error() {
        assert!(from_region(&region(PRESENT, 8)).is_err());
        assert!(from_region(&region(PRESENT, 128)).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes: [u8; 32], ccdf: [u8; 32]) {
            let mut region = [0; REGION_SIZE];

            region[..32].copy_from_slice(&bytes);
            region[32..].copy_from_slice(&ccdf);
            if let Ok(Some(event)) = from_region(&region) {
                prop_assert_eq!(event.ccdf().as_bytes(), &ccdf);
            }
        }
    }
}
