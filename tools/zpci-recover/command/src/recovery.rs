// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reads the table of functions in debugfs, which kernels with the Rust version have.

use std::{collections::BTreeMap, fmt, fs};

use serde::Serialize;
use zpci_recover::Address;

const TABLE: &str = "/sys/kernel/debug/pci/recovery";

/// A line of the table: values by the names of their columns.
pub type Recovery = BTreeMap<String, Value>;

/// A value: a count, or a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    Count(u64),
    Word(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Word(word) => word.fmt(f),
        }
    }
}

/// Returns a function's line; none if the kernel has no table, or if it may not be read.
pub fn recovery(address: Address) -> Option<Recovery> {
    find(&fs::read_to_string(TABLE).ok()?, address)
}

/// Finds columns by name, as later kernels may add some. For a function that is not open, the last
/// ones are empty.
fn find(table: &str, address: Address) -> Option<Recovery> {
    let mut lines = table.lines().map(str::split_ascii_whitespace);
    let names: Vec<_> = lines.next()?.collect();
    let at = names.iter().position(|name| *name == "address")?;
    let wanted = address.to_string();

    lines
        .map(Iterator::collect::<Vec<_>>)
        .find(|words| words.get(at) == Some(&wanted.as_str()))
        .map(|words| {
            names
                .iter()
                .zip(words)
                // The caller knows these two, and the first one is no count.
                .filter(|(name, _)| !matches!(**name, "function" | "address"))
                .map(|(name, word)| {
                    let value = word
                        .parse()
                        .map_or_else(|_| Value::Word(word.to_owned()), Value::Count);

                    (name.to_string(), value)
                })
                .collect()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
function  address       channel  owner    recovery  opened  resets  recovered  unprocessed  ignored  captured  waiting  dropped
00000001  0001:00:00.0  frozen   listens  owner          3       4          2            0        0         1        1        0
  1: event 0x4, recovery by owner
00000002  0002:00:00.0  normal   none     host           0       0          0            0        0
00000003  0003:00:00.0  frozen   silent,kvm  nobody      1       1          0            0        0         2        2        0
";

    #[test]
    fn a_line_is_found_by_its_address() {
        let line = find(TEXT, "0001:00:00.0".parse().unwrap()).unwrap();

        assert_eq!(line["recovery"], Value::Word("owner".to_owned()));
        assert_eq!(line["resets"], Value::Count(4));
        assert_eq!(line["recovered"], Value::Count(2));
        assert_eq!(line["captured"], Value::Count(1));
        assert_eq!(line.get("function"), None);
        let closed = find(TEXT, "0002:00:00.0".parse().unwrap()).unwrap();
        assert_eq!(closed["owner"], Value::Word("none".to_owned()));
        assert_eq!(closed.get("captured"), None);
        let silent = find(TEXT, "0003:00:00.0".parse().unwrap()).unwrap();
        assert_eq!(silent["owner"], Value::Word("silent,kvm".to_owned()));
        assert_eq!(find(TEXT, "0004:00:00.0".parse().unwrap()), None);
        assert_eq!(find("", "0003:00:00.0".parse().unwrap()), None);
    }
}
