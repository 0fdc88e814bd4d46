// SPDX-License-Identifier: GPL-2.0-only

//! The bits of a function information block are where `struct zpci_fib` has them.

use super::{
    fib::{
        Fib,
        FloatingIndicators, //
    },
    strategies::cases, //
};
use proptest::prelude::*;

/// The fields of a C structure, in order: name (empty if reserved) and width in bits. On s390 the
/// first field has the topmost bits.
type Layout = [(&'static str, u32)];

/// The fields of `struct zpci_fib` up to its union.
const BEFORE: &Layout = &[
    ("fmt", 8),
    ("", 24),
    ("", 32),
    ("fc", 8),
    ("", 56),
    ("pba", 64),
    ("pal", 64),
    ("iota", 64),
];

/// The fields of `struct zpci_fib_fmt0`.
const FORMAT_0: &Layout = &[
    ("", 1),
    ("isc", 3),
    ("noi", 12),
    ("", 2),
    ("aibvo", 6),
    ("sum", 1),
    ("", 1),
    ("aisbo", 6),
    ("", 32),
    ("aibv", 64),
    ("aisb", 64),
];

/// The fields of `struct zpci_fib_fmt1`.
const FORMAT_1: &Layout = &[
    ("", 4),
    ("noi", 12),
    ("", 16),
    ("dibvo", 16),
    ("", 16),
    ("", 64),
    ("", 64),
];

/// The fields of `struct zpci_fib` after its union.
const AFTER: &Layout = &[("fmb_addr", 64), ("", 32), ("gd", 32)];

/// Makes the bytes of a block, bit by bit, from values of its fields. Other fields are zero.
fn block(format: &Layout, values: &[(&str, u64)]) -> Vec<u8> {
    let mut bits = Vec::new();
    let mut found = 0;

    for (name, width) in BEFORE.iter().chain(format).chain(AFTER) {
        let value = values.iter().find(|(field, _)| field == name);

        found += usize::from(value.is_some());
        for bit in (0..*width).rev() {
            bits.push(value.is_some_and(|(_, value)| value & 1 << bit != 0));
        }
    }
    assert_eq!(found, values.len(), "a field that is not in the layout");
    assert_eq!(bits.len(), 640);
    bits.chunks(8)
        .map(|byte| byte.iter().fold(0, |sum, bit| sum * 2 + u8::from(*bit)))
        .collect()
}

/// The bytes of a block as the instruction reads them.
fn bytes(fib: &Fib) -> Vec<u8> {
    fib.words().iter().flat_map(|w| w.to_be_bytes()).collect()
}

// A block has 80 bytes and is aligned to doublewords, as the instruction requires.
#[test]
fn a_block_has_eighty_bytes_on_doublewords() {
    assert_eq!(Fib::SIZE, 80);
    assert_eq!((size_of::<Fib>(), align_of::<Fib>()), (80, 8));
}

// A block for floating interruptions equals the one that gcc makes from the C initializer.
#[test]
fn floating_is_what_c_makes_of_it() {
    let fib = Fib::floating(
        0x8bad_f00d,
        FloatingIndicators {
            subclass: 5,
            interrupts: 0x7a5,
            vector: 0x0123_4567_89ab_cde8,
            summary: 0xfedc_ba98_7654_3210 - 5 * 8,
            summary_bit: 5 * 64 + 43,
        },
    );
    let mut expected = [0; 80];

    expected[40..48].copy_from_slice(&[0x57, 0xa5, 0x00, 0xab, 0, 0, 0, 0]);
    expected[48..56].copy_from_slice(&[0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xe8]);
    expected[56..64].copy_from_slice(&[0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10]);
    expected[76..80].copy_from_slice(&[0x8b, 0xad, 0xf0, 0x0d]);
    assert_eq!(bytes(&fib), expected);
}

// A block for directed interruptions equals the one that gcc makes from the C initializer.
#[test]
fn directed_is_what_c_makes_of_it() {
    let fib = Fib::directed(0x8bad_f00d, 0x7a5, 0xbeef);
    let mut expected = [0; 80];

    expected[0] = 1;
    expected[40..48].copy_from_slice(&[0x07, 0xa5, 0, 0, 0xbe, 0xef, 0, 0]);
    expected[76..80].copy_from_slice(&[0x8b, 0xad, 0xf0, 0x0d]);
    assert_eq!(bytes(&fib), expected);
}

// The block has the address of a doubleword, and the number of the summary bit in that doubleword.
#[test]
fn the_summary_bit_is_counted_within_its_doubleword() {
    for (bit, address, offset) in [
        (0, 0x1000, 0),
        (63, 0x1000, 63),
        (64, 0x1008, 0),
        (127, 0x1008, 63),
        (4095, 0x11f8, 63),
    ] {
        let fib = Fib::floating(
            0,
            FloatingIndicators {
                subclass: 0,
                interrupts: 0,
                vector: 0,
                summary: 0x1000,
                summary_bit: bit,
            },
        );
        let values = [("sum", 1), ("aisbo", offset), ("aisb", address)];

        assert_eq!(bytes(&fib), block(FORMAT_0, &values), "bit {bit}");
    }
}

proptest! {
    #![proptest_config(cases(4096))]

    // A block for deregistering contains only the format and the guest.
    #[test]
    fn deregistering_takes_the_format_and_the_guest(gisa: u32) {
        let floating = Fib::new(false, gisa);
        let directed = Fib::new(true, gisa);
        let gd = ("gd", u64::from(gisa));

        prop_assert_eq!(bytes(&floating), block(FORMAT_0, &[("fmt", 0), gd]));
        prop_assert_eq!(bytes(&directed), block(FORMAT_1, &[("fmt", 1), gd]));
    }

    // Each field's value is in the field's bits; a value that is too large is cut off, as in C.
    #[test]
    fn floating_puts_any_values_into_their_own_bits(
        gisa: u32,
        subclass: u8,
        interrupts: u16,
        vector: u64,
        summary in 0..u64::MAX / 2,
        summary_bit in prop_oneof![0..4096u64, 0..u64::from(u32::MAX)],
    ) {
        let to = FloatingIndicators { subclass, interrupts, vector, summary, summary_bit };
        let values = [
            ("fmt", 0),
            ("isc", u64::from(subclass)),
            ("noi", u64::from(interrupts)),
            ("aibvo", 0),
            ("sum", 1),
            ("aisbo", summary_bit % 64),
            ("aibv", vector),
            ("aisb", summary + 8 * (summary_bit / 64)),
            ("gd", u64::from(gisa)),
        ];

        prop_assert_eq!(bytes(&Fib::floating(gisa, to)), block(FORMAT_0, &values));
    }

    // Each field's value is in the field's bits; a value that is too large is cut off, as in C.
    #[test]
    fn directed_puts_any_values_into_their_own_bits(gisa: u32, interrupts: u16, first_bit: u16) {
        let values = [
            ("fmt", 1),
            ("noi", u64::from(interrupts)),
            ("dibvo", u64::from(first_bit)),
            ("gd", u64::from(gisa)),
        ];

        prop_assert_eq!(
            bytes(&Fib::directed(gisa, interrupts, first_bit)),
            block(FORMAT_1, &values)
        );
    }
}
