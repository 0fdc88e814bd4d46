// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compares the crate's decoder of events with the kernel's.

#![allow(missing_docs)]

use proptest::prelude::*;
use zpci_recover::{Ccdf, Severity};

#[allow(dead_code)]
#[path = "../../../../rust/kernel/zpci/ccdf.rs"]
mod kernel;

proptest! {
    #[test]
    fn both_find_the_same(mut bytes: [u8; 32], code in prop_oneof![Just(None), (0..0x400_u16).prop_map(Some)]) {
        if let Some(code) = code {
            bytes[30..].copy_from_slice(&code.to_be_bytes());
        }
        let (ours, theirs) = (Ccdf::from(bytes), kernel::Ccdf::new(bytes));

        prop_assert_eq!(ours.function_handle(), theirs.fh().as_raw());
        prop_assert_eq!(ours.function_id(), theirs.fid().as_raw());
        prop_assert_eq!(u16::from(ours.pec()), theirs.pec().as_raw());
        let severity = match theirs.pec().severity() {
            kernel::Severity::Measurement => Severity::Measurement,
            kernel::Severity::Permanent => Severity::Permanent,
            // The kernel decodes codes of availability by another method.
            kernel::Severity::Recoverable if ours.pec().severity() == Severity::Availability => {
                Severity::Availability
            }
            kernel::Severity::Recoverable => Severity::Transient,
        };
        prop_assert_eq!(ours.pec().severity(), severity);
    }

    #[test]
    fn both_know_the_same_changes_of_availability(code in 0x300..0x400_u16) {
        let event = Ccdf::new(0, 0, code.into());
        let known = kernel::Pec::new(code).availability().is_some();

        prop_assert_eq!(event.pec().meaning().is_some(), known);
    }
}
