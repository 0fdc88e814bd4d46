// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zpci-recover reset`

use std::{io::Write, time::Instant};

use zpci_recover::{sysfs, Address, Function};

use crate::{
    cli::ResetArgs,
    error::{Error, Result},
    function::State,
    holder::{holder, Held},
};

/// Opens a function. If it is open already, the error names the process.
pub fn open(address: Address) -> Result<Function> {
    Function::open(address).map_err(|error| match (&error, holder(address)) {
        (zpci_recover::Error::InUse { .. }, Held::By(holder)) => Error::Held {
            address: address.to_string(),
            holder,
        },
        _ => error.into(),
    })
}

pub fn run(args: &ResetArgs) -> Result<()> {
    let address = args.function.address()?;
    let start = Instant::now();
    let function = open(address).map_err(|error| match error {
        Error::Recover(zpci_recover::Error::OtherDriver { address, driver }) => {
            Error::OfTheHost { address, driver }
        }
        error => error,
    })?;

    function.reset()?;
    drop(function);
    let ms = start.elapsed().as_secs_f64() * 1e3;

    match State::of(address) {
        State::Error => Err(Error::NotResettable(format!(
            "{address} was reset, but does not answer; its slot can be powered off and on: \
             /sys/bus/pci/slots/{}/power",
            sysfs::attribute(address, "function_id")
                .unwrap_or_default()
                .trim_start_matches("0x")
        ))),
        State::Ok | State::Unknown => {
            writeln!(anstream::stdout(), "{address} was reset in {ms:.1} ms")?;
            Ok(())
        }
    }
}
