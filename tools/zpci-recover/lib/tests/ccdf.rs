// SPDX-License-Identifier: MIT OR Apache-2.0

//! Decodes events as users of the crate do.

use proptest::prelude::*;
use zpci_recover::{Access, Ccdf, Pec, Severity};

/// An event of QEMU 11.1, for a DMA read of 0x100200000, where nothing was mapped.
const REAL: &str = "00000000 80020000 00000001 00000000 00000001 00200000 00000000 00000004";

#[test]
fn a_real_event_is_decoded() {
    let ccdf: Ccdf = REAL.parse().unwrap();

    assert_eq!(ccdf.function_handle(), 0x8002_0000);
    assert_eq!(ccdf.function_id(), 1);
    assert_eq!(ccdf.failing_address(), 0x1_0020_0000);
    assert_eq!(ccdf.pec(), Pec::new(4));
    assert_eq!(ccdf.pec().severity(), Severity::Transient);
    assert_eq!(ccdf.access(), None);
    assert!(!ccdf.qualifier());
}

#[test]
fn every_field_has_its_bits() {
    let text = "ffffffff 01020304 05060708 9abcdefe 1112131415161718 ffffffff ffff 003b";
    let ccdf: Ccdf = text.parse().unwrap();

    assert_eq!(ccdf.function_handle(), 0x0102_0304);
    assert_eq!(ccdf.function_id(), 0x0506_0708);
    assert_eq!(ccdf.expected_table_type(), 0x9);
    assert_eq!(ccdf.msi_vector(), 0xabc);
    assert_eq!(ccdf.dma_address_space(), 0xde);
    assert!(ccdf.qualifier());
    assert_eq!(ccdf.access(), Some(Access::Read));
    assert_eq!(ccdf.failing_address(), 0x1112_1314_1516_1718);
    assert_eq!(ccdf.pec().severity(), Severity::Permanent);
}

#[test]
fn all_permanent_and_measurement_codes_are_known() {
    let with = |severity| {
        (0..=u16::MAX)
            .filter(|code| Pec::new(*code).severity() == severity)
            .collect::<Vec<_>>()
    };

    assert_eq!(with(Severity::Permanent), [0x3b, 0x40]);
    assert_eq!(with(Severity::Measurement), [0x2a, 0x2b, 0x2c]);
    assert_eq!(
        with(Severity::Availability),
        (0x300..0x400).collect::<Vec<_>>()
    );
}

#[test]
fn what_is_no_ccdf_is_refused() {
    for text in [
        "",
        "0x",
        "zz",
        &"0".repeat(63),
        &"0".repeat(65),
        &"é".repeat(32),
    ] {
        assert!(text.parse::<Ccdf>().is_err(), "{text:?}");
    }
    for text in ["", "0x", "10000", "g", "+4", "-4", " 4"] {
        assert!(text.parse::<Pec>().is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn a_ccdf_is_read_as_it_is_written(bytes: [u8; 32]) {
        let ccdf = Ccdf::from(bytes);

        prop_assert_eq!(ccdf.as_bytes(), &bytes);
        prop_assert_eq!(format!("{ccdf:x}").parse(), Ok(ccdf));
        prop_assert_eq!(format!("0x{ccdf:x}").to_uppercase().replace("0X", "0x").parse(), Ok(ccdf));
    }

    #[test]
    fn each_bit_belongs_to_one_field_at_most(bytes: [u8; 32], bit in 0..256_usize) {
        let mut other = bytes;
        other[bit / 8] ^= 0x80 >> (bit % 8);
        let fields = |bytes| {
            let c = Ccdf::from(bytes);

            [
                u64::from(c.function_handle()),
                u64::from(c.function_id()),
                u64::from(c.expected_table_type()),
                u64::from(c.msi_vector()),
                u64::from(c.dma_address_space()),
                u64::from(c.qualifier()) + u64::from(c.access() == Some(Access::Write)),
                                c.failing_address(),
                u64::from(u16::from(c.pec())),
            ]
        };
        let changed = fields(bytes)
            .into_iter()
            .zip(fields(other))
            .filter(|(a, b)| a != b)
            .count();
        // Without the qualifier the fields of the access are not valid.
        let unknown = bit == 127 && bytes[15] & 2 == 0;
        let reserved = matches!(bit / 8, 0..4 | 24..30) || matches!(bit, 120..126) || unknown;

        prop_assert_eq!(changed, usize::from(!reserved));
    }

    #[test]
    fn an_event_is_made_as_it_is_decoded(fh: u32, fid: u32, code: u16, address: u64, write: bool) {
        let access = if write { Access::Write } else { Access::Read };
        let ccdf = Ccdf::new(fh, fid, Pec::new(code)).with_failing_access(access, address);

        prop_assert_eq!(ccdf.function_handle(), fh);
        prop_assert_eq!(ccdf.function_id(), fid);
        prop_assert_eq!(ccdf.pec(), Pec::new(code));
        prop_assert_eq!(ccdf.failing_address(), address);
        prop_assert_eq!(ccdf.access(), Some(access));
        prop_assert!(ccdf.qualifier());
        prop_assert_eq!(ccdf.msi_vector(), 0);
    }

    #[test]
    fn any_text_can_be_read(text: String) {
        let _ = (text.parse::<Ccdf>(), text.parse::<Pec>());
    }

    #[test]
    fn a_code_is_read_as_it_is_written(code: u16) {
        prop_assert_eq!(Pec::new(code).to_string().parse(), Ok(Pec::new(code)));
    }
}
