// SPDX-License-Identifier: GPL-2.0-only

//! The fields of an event are read from where the platform writes them.

use super::{
    ccdf::{
        Availability,
        Ccdf,
        FunctionHandle,
        FunctionId,
        Pec, //
    },
    ccdf_model::{
        check,
        severity,
        CODE,
        FUNCTION,
        HANDLE, //
    },
    common::ccdf,
    strategies::cases, //
};
use proptest::prelude::*;

/// A `struct zpci_ccdf_err` in gcc's layout for s390x, with all reserved bits set.
const WIRE: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x81, 0x23, 0x45, 0x67, // reserved, fh
    0x89, 0xab, 0xcd, 0xef, 0xa5, 0xb5, 0xc3, 0xfd, // fid; ett, mvn, dmaas, q, rw
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, // faddr
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x3a, // reserved, pec
];

// The fields of an error event are where `struct zpci_ccdf_err` has them. (2)
#[test]
fn an_error_event_is_read_as_the_c_structure_lays_it_out() {
    let event = Ccdf::new(WIRE);

    assert_eq!(event.fh(), FunctionHandle::new(0x8123_4567));
    assert_eq!(event.fid(), FunctionId::new(0x89ab_cdef));
    assert_eq!(event.pec(), Pec::new(0x003a));
}

// The fields of an availability event are where `struct zpci_ccdf_avail` has them.
#[test]
fn an_availability_event_is_read_as_the_c_structure_lays_it_out() {
    let mut wire = WIRE;

    wire[30..].copy_from_slice(&[0x03, 0x04]);
    let event = Ccdf::new(wire);

    assert_eq!(event.fh(), FunctionHandle::new(0x8123_4567));
    assert_eq!(event.fid(), FunctionId::new(0x89ab_cdef));
    assert_eq!(event.pec(), Pec::new(0x0304));
    assert_eq!(event.pec().availability(), Some(Availability::Deconfigured));
}

// Each bit of an event belongs to one field or to none, and all bits are kept. (18)
#[test]
fn each_bit_belongs_to_one_field() {
    let zero = Ccdf::new([0; 32]);

    for at in 0..32 {
        for bit in 0..8 {
            let mut bytes = [0; 32];

            bytes[at] = 1 << bit;
            let event = Ccdf::new(bytes);

            assert_eq!(event.bytes(), &bytes);
            assert_ne!(event, zero);
            assert_eq!(event.fh() != zero.fh(), HANDLE.contains(&at));
            assert_eq!(event.fid() != zero.fid(), FUNCTION.contains(&at));
            assert_eq!(event.pec() != zero.pec(), CODE.contains(&at));
        }
    }
}

// The constant `NONE`, for records without an event, is all zeroes.
#[test]
fn no_event_is_all_zero() {
    assert_eq!(Ccdf::NONE.bytes(), &[0; 32]);
}

// The kernel's own event `SEVERAL` says that several functions have changed.
#[test]
fn several_events_are_one_that_names_no_function() {
    assert_eq!(Ccdf::SEVERAL, Ccdf::new(ccdf(0, 0, 0, 0x0306)));
}

// All codes. Under Miri, which is slow, only the codes with a meaning and their neighbours.
const CODES: std::ops::RangeInclusive<u16> = 0..=if cfg!(miri) { 0x3ff } else { u16::MAX };

// 0x3b and 0x40 are permanent, 0x2a to 0x2c measurement, all others recoverable. (16, 25, 44)
#[test]
fn each_code_has_the_severity_that_the_c_version_gives_it() {
    for code in CODES {
        assert_eq!(Pec::new(code).severity(), severity(code), "{code:#x}");
    }
}

// Six codes of availability events have a meaning, and no other code has one.
#[test]
fn each_code_has_the_meaning_that_the_c_version_gives_it() {
    let known = [
        (0x0301, Availability::Configured),
        (0x0302, Availability::Standby),
        (0x0303, Availability::DeconfigurationRequested),
        (0x0304, Availability::Deconfigured),
        (0x0306, Availability::Several),
        (0x0308, Availability::Reserved),
    ];

    for code in CODES {
        let event = Ccdf::new(ccdf(1, 2, 3, code));
        let expected = known.iter().find(|(known, _)| *known == code);

        assert_eq!(
            event.pec().availability(),
            expected.map(|(_, change)| *change)
        );
    }
}

// A function is enabled if the topmost bit of its handle is set; the other bits do not matter.
#[test]
fn the_topmost_bit_of_a_handle_says_enabled() {
    for (raw, enabled) in [
        (0x8000_0000, true),
        (0xffff_ffff, true),
        (0x7fff_ffff, false),
        (0x4000_0000, false),
        (1, false),
        (0, false),
    ] {
        assert_eq!(FunctionHandle::new(raw).is_enabled(), enabled, "{raw:#x}");
    }
}

proptest! {
    #![proptest_config(cases(4096))]

    // All bytes of any event are kept, and each field is the big-endian number in its bytes. (18)
    #[test]
    fn any_bytes_are_kept_and_read(bytes: [u8; 32]) {
        check(bytes);
    }

    // Each field can be read back with the value that was written into the event.
    #[test]
    fn any_fields_are_read_as_written(handle: u32, function: u32, address: u64, code: u16) {
        let event = Ccdf::new(ccdf(handle, function, address, code));

        prop_assert_eq!(event.fh().as_raw(), handle);
        prop_assert_eq!(event.fh().is_enabled(), handle >= 1 << 31);
        prop_assert_eq!(event.fid().as_raw(), function);
        prop_assert_eq!(event.pec().as_raw(), code);
    }
}
