// SPDX-License-Identifier: GPL-2.0-only

//! `zpci-recover explain`

use std::io::{self, Read, Write};

use serde::Serialize;
use zpci_recover::{Ccdf, Pec};

use crate::{
    cli::ExplainArgs,
    error::{Error, Result},
    log::{self, Entry, What},
    output::{self, style, JsonCcdf, JsonPec},
};

#[derive(Serialize)]
#[serde(untagged)]
enum Json {
    Pec {
        function_id: Option<String>,
        #[serde(flatten)]
        pec: JsonPec,
    },
    Ccdf {
        time: Option<String>,
        #[serde(flatten)]
        ccdf: JsonCcdf,
    },
}

impl From<&Entry> for Json {
    fn from(entry: &Entry) -> Self {
        match &entry.what {
            What::Pec { pec, function_id } => Self::Pec {
                function_id: function_id.map(|id| format!("{id:#010x}")),
                pec: (*pec).into(),
            },
            What::Ccdf(ccdf) => Self::Ccdf {
                time: entry.time.map(output::time),
                ccdf: ccdf.into(),
            },
        }
    }
}

fn entries(what: &[String]) -> Result<Vec<Entry>> {
    let joined = what.join(" ");
    let one = |what| vec![Entry { time: None, what }];

    if joined == "-" {
        let mut text = Vec::new();

        io::stdin().read_to_end(&mut text)?;
        return match log::parse(&String::from_utf8_lossy(&text)) {
            entries if entries.is_empty() => Err(Error::EmptyLog),
            entries => Ok(entries),
        };
    }
    if let Ok(ccdf) = joined.parse::<Ccdf>() {
        return Ok(one(What::Ccdf(ccdf)));
    }
    match joined.parse::<Pec>() {
        Ok(pec) => Ok(one(What::Pec {
            pec,
            function_id: None,
        })),
        Err(_) => Err(Error::NotUnderstood(joined)),
    }
}

fn explain(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    let (pec, severity) = (entry.pec(), entry.pec().severity());
    let colour = style(severity);

    if let Some(time) = entry.time {
        writeln!(out, "{:<20} {}", "time", output::time(time))?;
    }
    writeln!(
        out,
        "{:<20} {pec}: {}",
        "PCI event code (PEC)",
        output::meaning(pec)
    )?;
    writeln!(
        out,
        "{:<20} {colour}{}{colour:#}: {}",
        "severity",
        severity.as_str(),
        severity.advice()
    )?;
    if let Some(id) = entry.function_id() {
        writeln!(out, "{:<20} {id:#010x}", "function ID")?;
    }
    let What::Ccdf(ccdf) = &entry.what else {
        return Ok(());
    };
    for (name, value) in [
        (
            "function handle",
            format!("{:#010x}", ccdf.function_handle()),
        ),
        ("failing address", format!("{:#x}", ccdf.failing_address())),
        ("access", ccdf.access().as_str().to_owned()),
        ("event qualifier", u8::from(ccdf.qualifier()).to_string()),
        ("DMA address space", ccdf.dma_address_space().to_string()),
        ("MSI vector", ccdf.msi_vector().to_string()),
        (
            "expected table type",
            ccdf.expected_table_type().to_string(),
        ),
    ] {
        writeln!(out, "{name:<20} {value}")?;
    }
    Ok(())
}

pub fn run(args: &ExplainArgs) -> Result<()> {
    let mut out = anstream::stdout();

    for (i, entry) in entries(&args.what)?.iter().enumerate() {
        if args.json {
            writeln!(out, "{}", output::json(&Json::from(entry))?)?;
            continue;
        }
        if i > 0 {
            writeln!(out)?;
        }
        explain(&mut out, entry)?;
    }
    Ok(())
}
