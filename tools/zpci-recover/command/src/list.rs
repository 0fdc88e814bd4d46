// SPDX-License-Identifier: GPL-2.0-only

//! `zpci-recover list`

use std::io::Write;

use serde::Serialize;
use zpci_recover::{sysfs, Address};

use crate::{
    cli::ListArgs,
    error::{Error, Result},
    function::{function_id, Counters, Function, State},
    log::{self, Entry},
    output,
    recovery::{recovery, Recovery},
};

/// A function, for JSON.
#[derive(Serialize)]
pub struct JsonFunction {
    address: String,
    function_id: String,
    function_handle: Option<String>,
    uid: Option<String>,
    pchid: Option<String>,
    driver: Option<String>,
    owner: Option<String>,
    owner_pid: Option<u32>,
    state: State,
    /// Not known where the record may not be read.
    counters: Option<Counters>,
    /// Of the Rust version only.
    recovery: Option<Recovery>,
}

impl JsonFunction {
    pub fn new(function: &Function, log: Option<&[Entry]>) -> Self {
        let hex = |value: Option<u32>| value.map(|value| format!("{value:#x}"));

        Self {
            address: function.address.to_string(),
            function_id: format!("{:#010x}", function.function_id),
            function_handle: hex(function.function_handle),
            uid: hex(function.uid),
            pchid: hex(function.pchid),
            driver: function.driver.clone(),
            owner: function.holder.as_ref().map(|holder| holder.name.clone()),
            owner_pid: function.holder.as_ref().map(|holder| holder.pid),
            state: function.state,
            counters: log.map(|log| function.counters(log)),
            recovery: recovery(function.address),
        }
    }
}

/// Who would have to recover the function.
fn owner(function: &Function) -> String {
    match (&function.holder, &function.driver) {
        (Some(holder), _) => holder.to_string(),
        (None, Some(_)) => "host".to_owned(),
        (None, None) => "-".to_owned(),
    }
}

fn addresses(args: &ListArgs) -> Result<Vec<Address>> {
    if !args.functions.is_empty() {
        return args
            .functions
            .iter()
            .map(|target| target.address())
            .collect();
    }
    let mut all = sysfs::functions().map_err(|source| Error::Read {
        path: "/sys/bus/pci/devices".into(),
        source,
    })?;

    all.retain(|address| function_id(*address).is_some());
    Ok(all)
}

pub fn run(args: &ListArgs) -> Result<()> {
    let mut out = anstream::stdout();
    let functions = addresses(args)?
        .into_iter()
        .map(Function::read)
        .collect::<Result<Vec<_>>>()?;

    if functions.is_empty() {
        anstream::eprintln!("there are no zPCI functions on this machine");
        return Ok(());
    }
    let log = log::errors().ok();
    if args.json {
        for function in &functions {
            writeln!(
                out,
                "{}",
                output::json(&JsonFunction::new(function, log.as_deref()))?
            )?;
        }
        return Ok(());
    }
    writeln!(
        out,
        "{:<13} {:<10} {:<6} {:<12} {:<20} {:<7} {:>6}  LAST ERROR",
        "ADDRESS", "FID", "UID", "DRIVER", "OWNER", "STATE", "ERRORS"
    )?;
    for function in &functions {
        let events: Option<Vec<_>> = log.as_ref().map(|log| function.events(log).collect());
        let last = events.as_ref().and_then(|events| {
            let last = events.last()?;

            Some(format!(
                "PEC {} at {}",
                last.pec(),
                output::time(last.time?)
            ))
        });
        let colour = match function.state {
            State::Ok | State::Unknown => anstyle::Style::new(),
            State::Error => anstyle::AnsiColor::Red.on_default(),
        };

        writeln!(
            out,
            "{:<13} {:#010x} {:<6} {:<12} {:<20} {colour}{:<7}{colour:#} {:>6}  {}",
            function.address,
            function.function_id,
            function
                .uid
                .map_or_else(|| "-".to_owned(), |uid| format!("{uid:#x}")),
            function.driver.as_deref().unwrap_or("-"),
            owner(function),
            function.state.as_str(),
            events.map_or_else(|| "?".to_owned(), |events| events.len().to_string()),
            last.as_deref().unwrap_or("-"),
        )?;
    }
    if log.is_none() {
        anstream::eprintln!("errors are shown to root only, and where debugfs is mounted");
    }
    Ok(())
}
