// SPDX-License-Identifier: MIT OR Apache-2.0

//! Addresses of functions, as `lspci -D` writes them.

use core::{fmt, str::FromStr};

/// The address of a PCI function: domain, bus, device and function, `0001:00:00.0`.
///
/// ```
/// use zpci_recover::Address;
///
/// let address: Address = "0001:00:00.0".parse()?;
/// assert_eq!(address.to_string(), "0001:00:00.0");
/// // Leading zeros can be left out, as with lspci, and so can the domain 0.
/// assert_eq!("1:0:0.0".parse::<Address>()?, address);
/// assert_eq!("00:02.0".parse::<Address>()?.to_string(), "0000:00:02.0");
/// # Ok::<(), zpci_recover::ParseAddressError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

/// The error for a text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address of a PCI function, such as 0001:00:00.0")]
pub struct ParseAddressError(String);

fn hex(digits: &str, longest: usize) -> Option<u32> {
    let fits = (1..=longest).contains(&digits.len());

    // Signs are refused here: the parser of integers would accept them.
    if !fits || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

fn parse(text: &str) -> Option<Address> {
    let (rest, function) = text.rsplit_once('.')?;
    let mut parts = rest.rsplit(':');
    let device = hex(parts.next()?, 2)?;
    let bus = hex(parts.next()?, 2)?;
    let domain = hex(parts.next().unwrap_or("0"), 8)?;
    let function = hex(function, 1)?;

    (parts.next().is_none() && device < 32 && function < 8).then_some(Address {
        domain,
        // CAST: All three were checked to fit.
        bus: bus as u8,
        device: device as u8,
        function: function as u8,
    })
}

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseAddressError(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            domain,
            bus,
            device,
            function,
        } = self;

        f.pad(&format!("{domain:04x}:{bus:02x}:{device:02x}.{function}"))
    }
}

/// Serializes an address as text.
#[cfg(feature = "serde")]
impl serde::Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            ".",
            "0",
            "00:00",
            "0.0",
            "0001:00:00",
            "0001:00:00.8",
            "0001:00:20.0",
            "0001:100:00.0",
            "100000000:00:00.0",
            "x:00:00.0",
            "+1:00:00.0",
            "1:2:3:4.5",
            "0001:00:00.0 ",
            "../../etc",
            "0001::00.0",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_written_as_it_is_read(
            domain: u32, bus: u8, device in 0..32_u8, function in 0..8_u8
        ) {
            let address = Address { domain, bus, device, function };

            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }

        #[test]
        fn any_text_can_be_read(text: String) {
            let _ = text.parse::<Address>();
        }
    }
}
