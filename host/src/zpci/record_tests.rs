// SPDX-License-Identifier: GPL-2.0-only

//! The bytes of a record have the places that the header for user space defines.

use super::{
    ccdf::Ccdf,
    common::{
        ccdf,
        PERMANENT,
        RECOVERABLE,
        RECOVERED_BY, //
    },
    queue::Queue,
    record::{
        flags,
        Record, //
    },
    session::{
        RecoveredBy,
        Session,
        Taken, //
    },
    strategies::{
        cases,
        code,
        recovered_by, //
    }, //
};
use proptest::prelude::*;

const HEADER: &str = include_str!("../../../vfio_pci_zdev/uapi/vfio_zdev_error.h");

/// The fields: type in C, name, offset and length.
const LAYOUT: [(&str, &str, usize, usize); 8] = [
    ("__u16", "pec", 0, 2),
    ("__u16", "flags", 2, 2),
    ("__s32", "pending_errors", 4, 4),
    ("__u32", "length", 8, 4),
    ("__u32", "dropped", 12, 4),
    ("__aligned_u64", "sequence", 16, 8),
    ("__aligned_u64", "timestamp", 24, 8),
    ("__u8", "ccdf", 32, 32),
];

/// The fields of a record, as a program in user space reads them.
#[derive(Debug, PartialEq)]
struct Fields {
    pec: u16,
    flags: u16,
    pending_errors: i32,
    length: u32,
    dropped: u32,
    sequence: u64,
    timestamp: u64,
    ccdf: [u8; 32],
}

impl Fields {
    fn of(record: &Record) -> Self {
        let bytes = record.bytes();

        Self {
            pec: u16::from_ne_bytes(bytes[0..2].try_into().unwrap()),
            flags: u16::from_ne_bytes(bytes[2..4].try_into().unwrap()),
            pending_errors: i32::from_ne_bytes(bytes[4..8].try_into().unwrap()),
            length: u32::from_ne_bytes(bytes[8..12].try_into().unwrap()),
            dropped: u32::from_ne_bytes(bytes[12..16].try_into().unwrap()),
            sequence: u64::from_ne_bytes(bytes[16..24].try_into().unwrap()),
            timestamp: u64::from_ne_bytes(bytes[24..32].try_into().unwrap()),
            ccdf: bytes[32..64].try_into().unwrap(),
        }
    }
}

/// Makes an event for a reader.
fn taken(event: Ccdf, recovered_by: RecoveredBy, stale: bool) -> Taken {
    let mut session = Session::new(false);

    session.capture(event, 0, recovered_by);
    Taken {
        stale,
        ..session.peek(0).unwrap()
    }
}

fn taken_code(code: u16, recovered_by: RecoveredBy, stale: bool) -> Taken {
    taken(Ccdf::new(ccdf(1, 2, 3, code)), recovered_by, stale)
}

/// Parses the structure in the header into the form of `LAYOUT`, by C's rules for offsets.
fn header_layout() -> Vec<(String, String, usize, usize)> {
    let (_, body) = HEADER
        .split_once("struct vfio_device_zpci_err_region {\n")
        .unwrap();
    let (body, _) = body.split_once("\n};").unwrap();
    let mut end = 0usize;

    body.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (kind, name) = line.trim().trim_end_matches(';').split_once(' ').unwrap();
            let unit = match kind {
                "__u8" => 1,
                "__u16" => 2,
                "__u32" | "__s32" => 4,
                "__aligned_u64" => 8,
                _ => panic!("{kind} is no type of fixed width and alignment"),
            };
            let (name, count) = match name.trim_end_matches(']').split_once('[') {
                Some((name, count)) => (name, count.parse().unwrap()),
                None => (name, 1),
            };
            let at = end.next_multiple_of(unit);

            end = at + unit * count;
            (kind.to_owned(), name.to_owned(), at, unit * count)
        })
        .collect()
}

// `LAYOUT` equals the structure in the header, for any compiler. (20)
#[test]
fn the_header_has_the_fields_where_they_are_looked_for() {
    let header = header_layout();
    let header = header
        .iter()
        .map(|(kind, name, at, length)| (kind.as_str(), name.as_str(), *at, *length));

    assert!(header.eq(LAYOUT));
}

// The structure has no holes, and ends with its last field. (20)
#[test]
fn a_record_has_no_holes() {
    let mut end = 0;

    for (_, name, at, length) in header_layout() {
        assert_eq!(at, end, "a hole before {name}");
        end = at + length;
    }
    assert_eq!((end, Record::SIZE), (64, 64));
}

// The header and the code have the same flags. (20)
#[test]
fn the_header_has_the_flags_that_are_set() {
    let header: Vec<_> = HEADER
        .lines()
        .filter_map(|line| line.strip_prefix("#define VFIO_ZPCI_ERR_"))
        .map(|line| {
            let (name, value) = line.split_once("(1 << ").unwrap();
            let (bit, _) = value.split_once(')').unwrap();

            (name.trim(), 1 << bit.parse::<u16>().unwrap())
        })
        .collect();

    assert_eq!(
        header,
        [
            ("PRESENT", flags::PRESENT),
            ("PERMANENT", flags::PERMANENT),
            ("HOST_RECOVERED", flags::HOST_RECOVERED),
            ("STALE", flags::STALE),
            ("UNATTENDED", flags::UNATTENDED),
        ]
    );
}

// Each flag has one meaning, and no other property changes the flag.
#[test]
fn each_flag_says_one_thing() {
    for code in [0, RECOVERABLE, 0x2a, PERMANENT[0], PERMANENT[1]] {
        for recovered_by in RECOVERED_BY {
            for stale in [false, true] {
                let record = Record::of(&taken_code(code, recovered_by, stale));
                let mut expected = 1;

                if PERMANENT.contains(&code) {
                    expected += 2;
                }
                if recovered_by == RecoveredBy::Host {
                    expected += 4;
                }
                if stale {
                    expected += 8;
                }
                if recovered_by == RecoveredBy::Nobody {
                    expected += 16;
                }
                assert_eq!(Fields::of(&record).flags, expected);
            }
        }
    }
}

// The flags tell a record of an event with code 0 from a record without an event. (16)
#[test]
fn an_event_with_code_zero_is_not_no_event() {
    let record = Record::of(&taken_code(0, RecoveredBy::Owner, false));

    assert_eq!(Fields::of(&record).flags & 1, 1);
    assert_eq!(Fields::of(&Record::empty(0)).flags, 0);
}

// A client of version 1 reads eight bytes: they are as in version 1, and the read takes the event.
// (19)
#[test]
fn the_first_eight_bytes_are_those_of_version_1() {
    let mut taken = taken_code(0x3a, RecoveredBy::Owner, false);

    taken.behind = 0x0102;
    let record = Record::of(&taken);
    let pec = 0x3au16.to_ne_bytes();
    let pending = 0x0102i32.to_ne_bytes();

    assert_eq!(Record::TAKING, 8);
    assert_eq!(record.bytes()[0..2], pec);
    assert_eq!(record.bytes()[4..8], pending);
}

// The bytes of one record, on a machine of either byte order.
#[test]
fn a_record_has_the_bytes_that_it_should_have() {
    let mut event = [0; 32];

    for (at, byte) in event.iter_mut().enumerate() {
        *byte = 0xe0 + at as u8;
    }
    event[30..].copy_from_slice(&[0x00, 0x40]);
    let mut taken = taken(Ccdf::new(event), RecoveredBy::Nobody, true);

    taken.pending.sequence = 0x1122_3344_5566_7788;
    taken.pending.timestamp = 0x99aa_bbcc_ddee_ff01;
    taken.behind = 0x10;
    taken.dropped = 0x0203_0405;

    let mut fields: [&mut [u8]; 7] = [
        &mut [0x00, 0x40],
        &mut [0x00, 0b11011],
        &mut [0x00, 0x00, 0x00, 0x10],
        &mut [0x00, 0x00, 0x00, 0x40],
        &mut [0x02, 0x03, 0x04, 0x05],
        &mut [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88],
        &mut [0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01],
    ];

    if cfg!(target_endian = "little") {
        fields.iter_mut().for_each(|field| field.reverse());
    }
    let record = Record::of(&taken);

    assert_eq!(record.bytes()[..], [&fields.concat()[..], &event].concat());
    // The feature returns the CCDF alone.
    assert_eq!(record.bytes()[Record::CCDF..], event);
}

proptest! {
    #![proptest_config(cases(4096))]

    // A record without an event is zero but for its length and the number of dropped events. (1,
    // 15)
    #[test]
    fn no_event_is_zero_but_for_length_and_losses(dropped: u32) {
        let mut expected = [0; 64];

        expected[8..12].copy_from_slice(&64u32.to_ne_bytes());
        expected[12..16].copy_from_slice(&dropped.to_ne_bytes());
        prop_assert_eq!(*Record::empty(dropped).bytes(), expected);
    }

    // Each field of a record has its value, and the CCDF is unchanged. (2, 18, 44)
    #[test]
    fn each_field_says_what_is_known(
        mut event: [u8; 32],
        code in prop_oneof![code(), any::<u16>()],
        recovered_by in recovered_by(),
        stale: bool,
        sequence: u64,
        timestamp: u64,
        behind in 0..Queue::SLOTS,
        dropped: u32,
    ) {
        event[30..].copy_from_slice(&code.to_be_bytes());
        let mut taken = taken(Ccdf::new(event), recovered_by, stale);

        taken.pending.sequence = sequence;
        taken.pending.timestamp = timestamp;
        taken.behind = behind;
        taken.dropped = dropped;
        let flags = 1
            | u16::from(PERMANENT.contains(&code)) << 1
            | u16::from(recovered_by == RecoveredBy::Host) << 2
            | u16::from(stale) << 3
            | u16::from(recovered_by == RecoveredBy::Nobody) << 4;

        prop_assert_eq!(Fields::of(&Record::of(&taken)), Fields {
            pec: code,
            flags,
            pending_errors: behind as i32,
            length: 64,
            dropped,
            sequence,
            timestamp,
            ccdf: event,
        });
    }
}
