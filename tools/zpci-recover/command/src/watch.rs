// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zpci-recover watch`: what the kernel writes down, whoever owns a function.

use std::{io::Write, thread, time::Duration};

use serde::Serialize;
use zpci_recover::Address;

use crate::{
    cli::WatchArgs,
    error::{Error, Result},
    function::{function_id, with_id},
    log::{self, Entry, What},
    output::{self, JsonCcdf},
};

/// The record has no way of telling that there is something new.
const INTERVAL: Duration = Duration::from_millis(100);

#[derive(Serialize)]
struct JsonEvent {
    time: Option<String>,
    address: Option<Address>,
    #[serde(flatten)]
    ccdf: JsonCcdf,
}

fn line(entry: &Entry, json: bool) -> Result<Option<String>> {
    let What::Ccdf(ccdf) = &entry.what else {
        return Ok(None);
    };
    let time = entry.time.map(output::time);
    let address = with_id(ccdf.function_id());

    if json {
        return output::json(&JsonEvent {
            time,
            address,
            ccdf: ccdf.into(),
        })
        .map(Some);
    }
    Ok(Some(format!(
        "{} {} {}",
        time.unwrap_or_default(),
        address.map_or_else(
            || format!("function ID {:#010x}", ccdf.function_id()),
            |address| address.to_string()
        ),
        output::summary(ccdf)
    )))
}

pub fn run(args: &WatchArgs) -> Result<()> {
    let mut out = anstream::stdout();
    let mut wanted = Vec::new();

    for target in &args.functions {
        let address = target.address()?;

        wanted.push(function_id(address).ok_or_else(|| Error::NotZpci(address.to_string()))?);
    }
    let newest = |log: &[Entry]| log.iter().filter_map(|entry| entry.time).max();
    let mut seen = newest(&log::errors()?);
    let mut left = args.count;

    while left != Some(0) {
        thread::sleep(INTERVAL);
        let log = log::errors()?;
        let is_new = |entry: &&Entry| entry.time > seen;
        let is_wanted = |entry: &&Entry| {
            wanted.is_empty() || entry.function_id().is_some_and(|id| wanted.contains(&id))
        };

        for entry in log.iter().filter(is_new).filter(is_wanted) {
            if left == Some(0) {
                break;
            }
            if let Some(line) = line(entry, args.json)? {
                writeln!(out, "{line}")?;
                left = left.map(|left| left - 1);
            }
        }
        seen = seen.max(newest(&log));
    }
    Ok(())
}
