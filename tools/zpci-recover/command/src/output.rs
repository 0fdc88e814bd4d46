// SPDX-License-Identifier: MIT OR Apache-2.0

//! Events as they are printed.

use std::time::SystemTime;

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use zpci_recover::{Access, Ccdf, Pec, Record, Severity};

use crate::error::{Error, Result};

/// Returns the style of a severity.
pub const fn style(severity: Severity) -> Style {
    match severity {
        Severity::Permanent => AnsiColor::Red.on_default().bold(),
        Severity::Transient => AnsiColor::Yellow.on_default(),
        _ => AnsiColor::Green.on_default(),
    }
}

/// Prints an error and a hint.
pub fn complain(error: &Error) {
    let red = AnsiColor::Red.on_default().bold();

    anstream::eprintln!("{red}error:{red:#} {error}");
    if let Some(hint) = error.hint() {
        anstream::eprintln!("  hint: {hint}");
    }
}

/// Makes a text harmless for the terminal, as others may have chosen it.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

/// The syslog priority of a warning.
pub const WARNING: u8 = 4;

/// Returns the syslog priority of an event.
pub const fn level(severity: Severity) -> u8 {
    match severity {
        Severity::Permanent => 2,
        Severity::Transient => 3,
        _ => 6,
    }
}

/// Returns the start of a line with a priority, as sd-daemon(3) describes it.
pub fn priority(wanted: bool, level: u8) -> String {
    if wanted {
        format!("<{level}>")
    } else {
        String::new()
    }
}

pub fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_micros(time).to_string()
}

/// Returns a value as a JSON object on one line.
pub fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Output(error.into()))
}

/// An event code as a part of a JSON object.
#[derive(Debug, Serialize)]
pub struct JsonPec {
    pec: Pec,
    severity: Severity,
    meaning: Option<&'static str>,
}

impl From<Pec> for JsonPec {
    fn from(pec: Pec) -> Self {
        Self {
            pec,
            severity: pec.severity(),
            meaning: pec.meaning(),
        }
    }
}

/// A CCDF as a part of a JSON object.
#[derive(Debug, Serialize)]
pub struct JsonCcdf {
    #[serde(flatten)]
    pec: JsonPec,
    function_id: u32,
    function_handle: u32,
    failing_address: u64,
    access: Option<Access>,
    dma_address_space: u8,
    msi_vector: u16,
    expected_table_type: u8,
    ccdf: Ccdf,
}

impl From<&Ccdf> for JsonCcdf {
    fn from(ccdf: &Ccdf) -> Self {
        Self {
            pec: ccdf.pec().into(),
            function_id: ccdf.function_id(),
            function_handle: ccdf.function_handle(),
            failing_address: ccdf.failing_address(),
            access: ccdf.access(),
            dma_address_space: ccdf.dma_address_space(),
            msi_vector: ccdf.msi_vector(),
            expected_table_type: ccdf.expected_table_type(),
            ccdf: *ccdf,
        }
    }
}

/// Returns the number of an event and its unusual flags, as a part of a line.
pub fn remarks(record: &Record) -> String {
    let mut text = format!(" #{}", record.sequence);

    for (flag, remark) in [
        (record.stale, ", older than the owner's own last reset"),
        (record.host_recovered, ", recovered by the host"),
        (record.unattended, ", nobody listened"),
    ] {
        if flag {
            text += remark;
        }
    }
    if record.dropped > 0 {
        text += &format!(", {} lost so far", record.dropped);
    }
    text
}

/// Returns code and severity in colour, and the fields of the event.
pub fn summary(ccdf: &Ccdf) -> String {
    let (pec, severity) = (ccdf.pec(), ccdf.pec().severity());
    let colour = style(severity);
    let mut text = format!("PEC {colour}{pec} {}{colour:#}", severity.as_str());

    match ccdf.access() {
        Some(access) => {
            text += &format!(", {} of {:#x}", access.as_str(), ccdf.failing_address());
        }
        None if ccdf.failing_address() != 0 => {
            text += &format!(", address {:#x}", ccdf.failing_address());
        }
        None => (),
    }
    for (name, value) in [
        ("DMA space", u16::from(ccdf.dma_address_space())),
        ("MSI vector", ccdf.msi_vector()),
        ("expected table type", ccdf.expected_table_type().into()),
    ] {
        if value != 0 {
            text += &format!(", {name} {value}");
        }
    }
    text + &format!(": {}", meaning(pec))
}

/// Returns advice for a code. The kernel treats unknown codes as transient errors.
pub fn advice(pec: Pec) -> &'static str {
    match (pec.meaning(), pec.severity()) {
        (None, Severity::Transient) => "the kernel treats unknown codes so",
        (_, severity) => severity.advice(),
    }
}

pub fn meaning(pec: Pec) -> &'static str {
    pec.meaning()
        .unwrap_or("a code that this program does not know")
}
