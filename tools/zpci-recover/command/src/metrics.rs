// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zpci-recover metrics`

use std::{collections::BTreeMap, fs, io::Write, path::Path};

use zpci_recover::sysfs;

use crate::{
    cli::MetricsArgs,
    error::{Error, Result},
    function::{function_id, Function, State},
    log::{self, Entry},
    recovery::{recovery, Recovery, Value},
};

/// Counters: columns of the kernel's table that only grow while the machine runs or the function is
/// open.
const COUNTERS: [(&str, &str); 6] = [
    ("opened", "How often user space has opened the function."),
    (
        "resets",
        "How often the platform has disabled the function, as each reset does.",
    ),
    (
        "recovered",
        "Errors that have ended in a recovery, by the owner or by the host.",
    ),
    (
        "ignored",
        "Events that came too late, after a reset or for an owner that is gone.",
    ),
    ("captured", "Events of this owner."),
    ("dropped", "Events that this owner has lost."),
];

/// Gauges: the other columns of the table.
const GAUGES: [(&str, &str); 5] = [
    ("channel", "Whether the function is in error, or lost."),
    (
        "owner",
        "Whether user space has the function, and listens to errors.",
    ),
    ("recovery", "Who recovers from the next error."),
    ("unprocessed", "Events that are not processed yet."),
    ("waiting", "Events that this owner has not taken yet."),
];

/// For each metric its kind, help and values with labels.
#[derive(Default)]
struct Metrics(BTreeMap<String, (&'static str, String, Vec<String>)>);

impl Metrics {
    fn add(&mut self, name: &str, kind: &'static str, help: &str, labels: &str, value: u64) {
        self.0
            .entry(name.to_owned())
            .or_insert_with(|| (kind, help.to_owned(), Vec::new()))
            .2
            .push(format!("{name}{{{labels}}} {value}"));
    }

    fn function(&mut self, function: &Function, log: &[Entry], recovery: Option<&Recovery>) {
        let label = format!("function=\"{}\"", function.address);
        let driver = escaped(function.driver.as_deref().unwrap_or(""));
        let mut codes = BTreeMap::<_, u64>::new();

        self.add(
            "zpci_function_info",
            "gauge",
            "A PCI function, its ID and its driver.",
            &format!(
                "{label},fid=\"{:#010x}\",driver=\"{driver}\"",
                function.function_id
            ),
            1,
        );
        if function.state != State::Unknown {
            self.add(
                "zpci_function_answers",
                "gauge",
                "Whether the function answers: 0 is the error state.",
                &label,
                u64::from(function.state == State::Ok),
            );
        }
        for entry in function.events(log) {
            *codes.entry(entry.pec()).or_default() += 1;
        }
        for (pec, count) in codes {
            self.add(
                "zpci_recorded_errors",
                "gauge",
                "Errors in the kernel's record, which forgets the oldest ones.",
                &format!(
                    "{label},pec=\"{pec}\",severity=\"{}\"",
                    pec.severity().as_str()
                ),
                count,
            );
        }
        for (name, value) in recovery.into_iter().flatten() {
            let find = |columns: &[(&str, &'static str)]| {
                columns
                    .iter()
                    .find(|(column, _)| column == name)
                    .map(|(_, help)| *help)
            };
            let help = find(&GAUGES).unwrap_or("A column of the kernel's table.");

            match (value, find(&COUNTERS)) {
                (Value::Count(count), Some(help)) => self.add(
                    &format!("zpci_{name}_total"),
                    "counter",
                    help,
                    &label,
                    *count,
                ),
                (Value::Count(count), None) => {
                    self.add(&format!("zpci_{name}"), "gauge", help, &label, *count);
                }
                (Value::Word(word), _) => self.add(
                    &format!("zpci_{name}_info"),
                    "gauge",
                    help,
                    &format!("{label},{name}=\"{}\"", escaped(word)),
                    1,
                ),
            }
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();

        for (name, (kind, help, lines)) in &self.0 {
            text += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
            for line in lines {
                text += line;
                text.push('\n');
            }
        }
        text
    }
}

fn collect() -> Result<String> {
    let log = log::errors()?;
    let mut metrics = Metrics::default();
    let all = sysfs::functions().map_err(|error| Error::Read {
        path: "/sys/bus/pci/devices".into(),
        error,
    })?;

    for address in all {
        // A function may go while it is being read.
        if function_id(address).is_some() {
            if let Ok(function) = Function::read(address) {
                metrics.function(&function, &log, recovery(address).as_ref());
            }
        }
    }
    Ok(metrics.text())
}

/// Escapes the value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Replaces a file at once.
fn replace(path: &Path, text: &str) -> Result<()> {
    let mut new = path.as_os_str().to_owned();
    // The new file has a name of its own, and must not exist: another process may run at the same
    // time, or have put a link there.
    new.push(format!(".{}", std::process::id()));
    let _ = fs::remove_file(&new);

    fs::File::create_new(&new)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&new, path))
        .map_err(|error| {
            let _ = fs::remove_file(&new);
            Error::Write {
                path: path.to_owned(),
                error,
            }
        })
}

pub fn run(args: &MetricsArgs) -> Result<()> {
    let text = collect()?;

    match &args.output {
        Some(path) => replace(path, &text),
        None => Ok(anstream::stdout().write_all(text.as_bytes())?),
    }
}

#[cfg(test)]
mod tests {
    use zpci_recover::{Ccdf, Pec};

    use super::*;
    use crate::{holder::Held, log::What};

    #[test]
    fn each_metric_is_described_once() {
        let mut metrics = Metrics::default();
        let table = [
            ("channel", Value::Word("frozen".to_owned())),
            ("resets", Value::Count(4)),
            ("recovered", Value::Count(3)),
            ("waiting", Value::Count(1)),
        ];
        let recovery = table
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let event = |pec| What::Ccdf(Ccdf::new(0, 1, Pec::new(pec))).into();

        for address in ["0001:00:00.0", "0002:00:00.0"] {
            let function = Function {
                address: address.parse().unwrap(),
                function_id: 1,
                function_handle: None,
                uid: None,
                pchid: None,
                driver: None,
                held: Held::No,
                state: State::Error,
            };

            metrics.function(
                &function,
                &[event(4), event(4), event(0x3b)],
                Some(&recovery),
            );
        }
        let text = metrics.text();

        for line in [
            "zpci_function_answers{function=\"0001:00:00.0\"} 0",
            "zpci_recorded_errors{function=\"0001:00:00.0\",pec=\"0x4\",severity=\"transient\"} 2",
            "zpci_recorded_errors{function=\"0002:00:00.0\",pec=\"0x3b\",severity=\"permanent\"} 1",
            "# TYPE zpci_resets_total counter",
            "# HELP zpci_waiting Events that this owner has not taken yet.",
            "zpci_resets_total{function=\"0001:00:00.0\"} 4",
            "zpci_recovered_total{function=\"0001:00:00.0\"} 3",
            "zpci_waiting{function=\"0001:00:00.0\"} 1",
            "zpci_channel_info{function=\"0002:00:00.0\",channel=\"frozen\"} 1",
        ] {
            assert_eq!(
                text.lines().filter(|found| *found == line).count(),
                1,
                "{line}\n{text}"
            );
        }
    }
}
