// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zpci-recover list`

use std::io::Write;

use serde::Serialize;
use zpci_recover::{sysfs, Address};

use crate::{
    cli::ListArgs,
    error::{Error, Result},
    function::{function_id, Counters, Function, State},
    holder::Held,
    log::{self, Entry},
    output,
    recovery::{recovery, Recovery},
};

/// A function as a JSON object.
#[derive(Serialize)]
pub struct JsonFunction {
    address: Address,
    function_id: u32,
    function_handle: Option<u32>,
    uid: Option<u32>,
    pchid: Option<u32>,
    driver: Option<String>,
    owner: Option<String>,
    owner_pid: Option<u32>,
    /// False if there may be an owner that this process cannot see.
    owner_known: bool,
    state: State,
    /// None if the record cannot be read.
    counters: Option<Counters>,
    /// None with the C version.
    recovery: Option<Recovery>,
}

impl JsonFunction {
    pub fn new(function: &Function, log: Option<&[Entry]>) -> Self {
        let holder = function.held.holder();

        Self {
            address: function.address,
            function_id: function.function_id,
            function_handle: function.function_handle,
            uid: function.uid,
            pchid: function.pchid,
            driver: function.driver.clone(),
            owner: holder.map(|holder| holder.name.clone()),
            owner_pid: holder.map(|holder| holder.pid),
            owner_known: function.held != Held::Unknown,
            state: function.state,
            counters: log.map(|log| function.counters(log)),
            recovery: recovery(function.address),
        }
    }
}

/// Returns the process that recovers the function, or "host".
fn owner(function: &Function) -> String {
    match (&function.held, &function.driver) {
        (Held::By(holder), _) => holder.to_string(),
        (Held::Unknown, _) => "?".to_owned(),
        (Held::No, Some(_)) => "host".to_owned(),
        (Held::No, None) => "-".to_owned(),
    }
}

const HEAD: [&str; 8] = [
    "ADDRESS",
    "FID",
    "UID",
    "DRIVER",
    "OWNER",
    "STATE",
    "ERRORS",
    "LAST ERROR",
];
/// The index of the column that is shown in colour.
const STATE: usize = 5;

fn row(function: &Function, log: Option<&[Entry]>) -> [String; HEAD.len()] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let events: Option<Vec<_>> = log.map(|log| function.events(log).collect());
    let last = events.as_ref().and_then(|events| {
        let last = events.last()?;

        Some(format!(
            "PEC {} at {}",
            last.pec(),
            output::time(last.time?)
        ))
    });

    [
        function.address.to_string(),
        format!("{:#010x}", function.function_id),
        or_none(function.uid.map(|uid| format!("{uid:#x}"))),
        or_none(function.driver.clone()),
        owner(function),
        function.state.as_str().to_owned(),
        events.map_or_else(|| "?".to_owned(), |events| events.len().to_string()),
        or_none(last),
    ]
}

fn addresses(args: &ListArgs) -> Result<Vec<Address>> {
    if !args.functions.is_empty() {
        return args
            .functions
            .iter()
            .map(|target| target.address())
            .collect();
    }
    let mut all = sysfs::functions().map_err(|error| Error::Read {
        path: "/sys/bus/pci/devices".into(),
        error,
    })?;

    all.retain(|address| function_id(*address).is_some());
    Ok(all)
}

pub fn run(args: &ListArgs) -> Result<()> {
    let mut out = anstream::stdout();
    let functions = addresses(args)?
        .into_iter()
        .map(Function::read)
        // A function may go meanwhile: that is an error only for one that was named.
        .filter(|function| function.is_ok() || !args.functions.is_empty())
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
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(functions.iter().map(|f| row(f, log.as_deref())));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..HEAD.len()).map(width).collect();

    for row in &rows {
        let mut line = String::new();

        for (i, (text, width)) in row.iter().zip(&widths).enumerate() {
            let colour = if i == STATE && text == State::Error.as_str() {
                anstyle::AnsiColor::Red.on_default()
            } else {
                anstyle::Style::new()
            };

            line += &format!("{colour}{text:<width$}{colour:#}  ");
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    if log.is_none() {
        anstream::eprintln!("errors are shown to root only, and where debugfs is mounted");
    }
    if functions.iter().any(|f| f.held == Held::Unknown) {
        anstream::eprintln!("owners of other users are shown to root only");
    }
    Ok(())
}
