// SPDX-License-Identifier: GPL-2.0-only

//! Fields in the answer to a query of a function that can differ from QEMU's.

use crate::words::Words;
use std::collections::BTreeMap;

/// A field of the answer: its name, offset and length, and the flag that says it is valid.
struct Field {
    name: &'static str,
    at: usize,
    len: usize,
    flag: u8,
}

const FLAGS_AT: usize = 18;

const FIELDS: [Field; 7] = [
    field("vfn", 16, 2, 0),
    field("pchid", 30, 2, 0),
    field("port", 61, 1, 0),
    field("pft", 63, 1, 0),
    field("rid", 80, 2, 0x10),
    field("tid", 86, 2, 0x20),
    // This field is only a flag, set for a physical function.
    field("physfn", FLAGS_AT, 0, 0x08),
];

const fn field(name: &'static str, at: usize, len: usize, flag: u8) -> Field {
    Field {
        name,
        at,
        len,
        flag,
    }
}

/// The length of the part of the answer that is changed.
pub const IDENTITY_LEN: usize = 88;

/// Values of fields, by their index in `FIELDS`.
#[derive(Default)]
pub struct Identity(BTreeMap<usize, u16>);

impl Identity {
    /// Parses `[vfn=N] [pchid=N] [port=N] [pft=N] [rid=N] [tid=N] [physfn=0|1]`; without any word
    /// all fields are QEMU's.
    pub fn parse(words: &mut Words<'_>) -> Result<Self, String> {
        let mut values = BTreeMap::new();
        for (index, field) in FIELDS.iter().enumerate() {
            let Some(value) = words.number::<u16>(field.name)? else {
                continue;
            };
            let most = match field.len {
                0 => 1,
                1 => 0xff,
                _ => 0xffff,
            };
            if value > most {
                return Err(format!("{}={value} does not fit", field.name));
            }
            values.insert(index, value);
        }
        Ok(Identity(values))
    }

    pub fn is_as_qemu_has_it(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts the values into QEMU's answer.
    pub fn put(&self, answer: &mut [u8; IDENTITY_LEN]) {
        for (index, value) in &self.0 {
            let Field { at, len, flag, .. } = FIELDS[*index];
            answer[at..at + len].copy_from_slice(&value.to_be_bytes()[2 - len..]);
            if len != 0 || *value != 0 {
                answer[FLAGS_AT] |= flag;
            } else {
                answer[FLAGS_AT] &= !flag;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let mut words = Words::new("pchid=0x1234 rid=3 port=2 physfn=1 vfn=0");
        let identity = Identity::parse(&mut words).unwrap();
        assert_eq!(words.end(), Ok(()));
        let mut answer = [0xff; IDENTITY_LEN];
        answer[FLAGS_AT] = 1;
        identity.put(&mut answer);
        assert_eq!(answer[16..19], [0, 0, 0x19]);
        assert_eq!(answer[30..32], [0x12, 0x34]);
        assert_eq!(answer[60..64], [0xff, 2, 0xff, 0xff]);
        assert_eq!(answer[80..82], [0, 3]);
        assert_eq!(answer[86..88], [0xff, 0xff]);
        assert!(!identity.is_as_qemu_has_it());
    }

    #[test]
    fn what_makes_no_sense() {
        for text in ["port=256", "physfn=2", "rid=0x10000", "tid"] {
            let mut words = Words::new(text);
            let parsed = Identity::parse(&mut words);
            assert!(parsed.is_err() || words.end().is_err(), "{text}");
        }
        let nothing = Identity::parse(&mut Words::new("")).unwrap();
        assert!(nothing.is_as_qemu_has_it());
    }
}
