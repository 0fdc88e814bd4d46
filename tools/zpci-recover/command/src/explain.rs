// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zpci-recover explain`

use std::io::{self, Read, Write};

use serde::Serialize;
use zpci_recover::{Address, Ccdf};

use crate::{
    cli::ExplainArgs,
    error::{Error, Result},
    log::{self, Entry, What},
    output::{self, style, JsonCcdf, JsonPec},
};

#[derive(Serialize)]
struct Json<'a> {
    time: Option<String>,
    logged: Option<&'a str>,
    address: Option<Address>,
    #[serde(flatten)]
    what: JsonWhat,
}

#[derive(Serialize)]
#[serde(untagged)]
enum JsonWhat {
    Pec {
        function_id: Option<u32>,
        #[serde(flatten)]
        pec: JsonPec,
    },
    Ccdf(Box<JsonCcdf>),
}

impl<'a> From<&'a Entry> for Json<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            time: entry.time.map(output::time),
            logged: entry.logged.as_deref(),
            address: entry.address,
            what: match &entry.what {
                What::Pec { pec, function_id } => JsonWhat::Pec {
                    function_id: *function_id,
                    pec: (*pec).into(),
                },
                What::Ccdf(ccdf) => JsonWhat::Ccdf(Box::new(ccdf.into())),
            },
        }
    }
}

/// Reads a code or a CCDF from the command line.
fn argument(text: &str) -> Result<Entry> {
    let what = text.parse().map(What::Ccdf).or_else(|_| {
        text.parse().map(|pec| What::Pec {
            pec,
            function_id: None,
        })
    });

    what.map(Entry::from)
        .map_err(|_| Error::NotUnderstood(text.to_owned()))
}

fn entries(what: &[String]) -> Result<Vec<Entry>> {
    let joined = what.join(" ");

    if joined == "-" {
        let mut text = Vec::new();

        io::stdin()
            .read_to_end(&mut text)
            .map_err(|error| Error::Read {
                path: "/dev/stdin".into(),
                error,
            })?;
        return match log::parse(&String::from_utf8_lossy(&text)) {
            entries if entries.is_empty() => Err(Error::EmptyLog),
            entries => Ok(entries),
        };
    }
    // In the kernel's record a CCDF is a row of words.
    match joined.parse::<Ccdf>() {
        Ok(ccdf) => Ok(vec![What::Ccdf(ccdf).into()]),
        Err(_) => what.iter().map(|text| argument(text)).collect(),
    }
}

fn explain(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    let (pec, severity) = (entry.pec(), entry.pec().severity());
    let colour = style(severity);
    let mut lines = vec![
        ("time", entry.time.map(output::time)),
        ("logged", entry.logged.as_deref().map(output::printable)),
        ("function", entry.address.map(|address| address.to_string())),
        (
            "PCI event code (PEC)",
            Some(format!("{pec}: {}", output::meaning(pec))),
        ),
        (
            "severity",
            Some(format!(
                "{colour}{}{colour:#}: {}",
                severity.as_str(),
                output::advice(pec)
            )),
        ),
        (
            "function ID",
            entry.function_id().map(|id| format!("{id:#010x}")),
        ),
    ];

    if let What::Ccdf(ccdf) = &entry.what {
        let unless_0 = |value: u16| (value != 0).then(|| value.to_string());
        let address = ccdf.failing_address();

        lines.extend([
            (
                "function handle",
                Some(format!("{:#010x}", ccdf.function_handle())),
            ),
            (
                "failing address",
                (address != 0 || ccdf.qualifier()).then(|| format!("{address:#x}")),
            ),
            (
                "access",
                ccdf.access().map(|access| access.as_str().to_owned()),
            ),
            (
                "DMA address space",
                unless_0(ccdf.dma_address_space().into()),
            ),
            ("MSI vector", unless_0(ccdf.msi_vector())),
            (
                "expected table type",
                unless_0(ccdf.expected_table_type().into()),
            ),
        ]);
    }
    for (name, value) in lines {
        if let Some(value) = value {
            writeln!(out, "{name:<20} {value}")?;
        }
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
