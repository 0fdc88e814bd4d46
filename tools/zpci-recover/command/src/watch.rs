// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zpci-recover watch`: prints new events in the kernel's record, of all functions, also of those
//! that others own.

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

/// The kernel cannot tell when the record changes, so it is read again and again.
const INTERVAL: Duration = Duration::from_millis(100);

/// The kernel formats the whole record for each look; for a journal once a second is enough.
const UNIT_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct JsonEvent {
    time: Option<String>,
    address: Option<Address>,
    #[serde(flatten)]
    ccdf: JsonCcdf,
}

#[derive(Serialize)]
struct JsonMissing {
    records_lost: bool,
}

/// Returns the line that says that the record was overwritten faster than it was read.
fn missing(args: &WatchArgs) -> Result<String> {
    if args.json {
        return output::json(&JsonMissing { records_lost: true });
    }
    Ok(format!(
        "{}records were lost: the kernel has overwritten them before they were read",
        output::priority(args.syslog, output::WARNING)
    ))
}

fn line(entry: &Entry, args: &WatchArgs) -> Result<Option<String>> {
    let What::Ccdf(ccdf) = &entry.what else {
        return Ok(None);
    };
    let time = entry.time.map(output::time);
    let address = with_id(ccdf.function_id());

    if args.json {
        return output::json(&JsonEvent {
            time,
            address,
            ccdf: ccdf.into(),
        })
        .map(Some);
    }
    Ok(Some(format!(
        "{}{} {} {}",
        output::priority(args.syslog, output::level(ccdf.pec().severity())),
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
    let mut follower = log::Follower::default();
    let mut lost = false;
    let mut left = args.count;
    let interval = if args.syslog { UNIT_INTERVAL } else { INTERVAL };

    if !args.all {
        follower.look()?;
    }
    while left != Some(0) {
        let news = follower.look()?;
        let is_wanted = |entry: &&Entry| {
            wanted.is_empty() || entry.function_id().is_some_and(|id| wanted.contains(&id))
        };

        // Printed once in a storm: accesses that fail are recorded as well, and fill the record
        // quickly.
        if news.lost && !lost {
            writeln!(out, "{}", missing(args)?)?;
        }
        lost = news.lost;
        for entry in news.errors.iter().filter(is_wanted) {
            if left == Some(0) {
                break;
            }
            if let Some(line) = line(entry, args)? {
                writeln!(out, "{line}")?;
                left = left.map(|left| left - 1);
            }
        }
        if left != Some(0) {
            thread::sleep(interval);
        }
    }
    Ok(())
}
