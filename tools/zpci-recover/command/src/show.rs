// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zpci-recover show`

use std::io::Write;

use serde::Serialize;

use crate::{
    cli::ShowArgs,
    error::Result,
    function::Function,
    holder::Held,
    list::JsonFunction,
    log::{self, Entry, What},
    output::{self, JsonCcdf},
    recovery::recovery,
};

#[derive(Serialize)]
struct JsonEvent {
    time: Option<String>,
    #[serde(flatten)]
    ccdf: JsonCcdf,
}

#[derive(Serialize)]
struct JsonShow {
    #[serde(flatten)]
    function: JsonFunction,
    events: Vec<JsonEvent>,
}

fn json_event(entry: &Entry) -> Option<JsonEvent> {
    match &entry.what {
        What::Ccdf(ccdf) => Some(JsonEvent {
            time: entry.time.map(output::time),
            ccdf: ccdf.into(),
        }),
        What::Pec { .. } => None,
    }
}

pub fn run(args: &ShowArgs) -> Result<()> {
    let mut out = anstream::stdout();
    let function = Function::read(args.function.address()?)?;
    let log = log::errors();
    let events = log.as_deref().unwrap_or_default();

    if args.json {
        let shown = JsonShow {
            function: JsonFunction::new(&function, log.as_deref().ok()),
            events: function.events(events).filter_map(json_event).collect(),
        };

        writeln!(out, "{}", output::json(&shown)?)?;
        return Ok(());
    }
    let hex = |value: Option<u32>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:#x}"));
    let holder = match &function.held {
        Held::By(holder) => holder.to_string(),
        Held::No => "-".to_owned(),
        Held::Unknown => "? (shown to root only)".to_owned(),
    };

    for (name, value) in [
        ("function", function.address.to_string()),
        ("function ID", format!("{:#010x}", function.function_id)),
        ("function handle", hex(function.function_handle)),
        ("UID", hex(function.uid)),
        ("PCHID", hex(function.pchid)),
        (
            "driver",
            function.driver.clone().unwrap_or_else(|| "-".to_owned()),
        ),
        ("opened by", holder),
        ("state", function.state.as_str().to_owned()),
    ] {
        writeln!(out, "{name:<16} {value}")?;
    }
    match &log {
        Err(error) => writeln!(out, "{:<16} not known: {error}", "errors")?,
        Ok(log) => {
            let counters = function.counters(log);

            writeln!(
                out,
                "{:<16} {} in the kernel's record, {} of them permanent",
                "errors", counters.errors, counters.permanent
            )?;
        }
    }
    if let Some(recovery) = recovery(function.address) {
        let names = [
            "channel",
            "owner",
            "recovery",
            "opened",
            "resets",
            "recovered",
            "unprocessed",
            "captured",
            "waiting",
            "dropped",
        ];
        let words: Vec<_> = names
            .iter()
            .filter_map(|name| Some(format!("{name} {}", recovery.get(*name)?)))
            .collect();

        writeln!(out, "{:<16} {}", "in the kernel", words.join(", "))?;
    }
    for entry in function.events(events) {
        if let (What::Ccdf(ccdf), Some(time)) = (&entry.what, entry.time) {
            writeln!(out, "  {} {}", output::time(time), output::summary(ccdf))?;
        }
    }
    Ok(())
}
