// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zpci-recover inject`

use std::{fs, io::Write, path::Path};

use zpci_recover::{Access, Ccdf};

use crate::{
    cli::{AccessArg, InjectArgs},
    error::{Error, Result},
    function::Function,
};

const INJECTOR: &str = "/sys/kernel/debug/zpci_inject/error";

pub fn run(args: &InjectArgs) -> Result<()> {
    let function = Function::read(args.function.address()?)?;
    let path = Path::new(INJECTOR);
    let handle = function
        .function_handle
        .ok_or_else(|| Error::NotZpci(function.address.to_string()))?;
    let mut ccdf = Ccdf::new(handle, function.function_id, args.pec);

    if let Some(address) = args.address {
        let access = match args.access {
            AccessArg::Read => Access::Read,
            AccessArg::Write => Access::Write,
        };

        ccdf = ccdf.with_failing_access(access, address);
    }
    // The injector takes an event as a single write of all bytes.
    let done = fs::File::options()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(ccdf.as_bytes()));

    match done {
        Ok(()) => {
            writeln!(
                anstream::stdout(),
                "{} has got event {}",
                function.address,
                args.pec
            )?;
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::NoInjector(path.to_owned()))
        }
        Err(error) => Err(Error::Write {
            path: path.to_owned(),
            error,
        }),
    }
}
