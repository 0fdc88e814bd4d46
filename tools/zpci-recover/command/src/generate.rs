// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zpci-recover completions` and `zpci-recover man`

use std::{fs, io, path::Path};

use clap::CommandFactory;
use clap_mangen::{
    roff::{bold, roman, Roff},
    Man,
};

use crate::{
    cli::{Cli, CompletionsArgs, ManArgs},
    error::{Error, Result},
};

/// The section for administrators, as for zpcictl.
const SECTION: &str = "8";

/// Files of the kernel that commands read.
const RECORD: (&str, &str) = (
    "/sys/kernel/debug/s390dbf/pci_error/hex_ascii",
    "the kernel's record of errors, readable by root",
);
const TABLE: (&str, &str) = (
    "/sys/kernel/debug/pci/recovery",
    "the recovering side of each function, and counters; readable by root, only in the Rust version",
);
const NODES: (&str, &str) = (
    "/dev/vfio/devices/*, /dev/vfio/*",
    "the nodes through which functions are opened",
);
const INJECTOR: (&str, &str) = (
    "/sys/kernel/debug/zpci_inject/error",
    "the injector, if zpci_inject.ko is loaded",
);

/// Parts of a manual page that do not come from the options.
struct Notes {
    command: &'static str,
    examples: &'static [(&'static str, &'static str)],
    files: &'static [(&'static str, &'static str)],
}

const NOTES: [Notes; 10] = [
    Notes {
        command: "zpci-recover",
        examples: &[("zpci-recover list", "Lists all functions and their states.")],
        files: &[RECORD, TABLE, NODES],
    },
    Notes {
        command: "list",
        examples: &[
            ("zpci-recover list", "Lists all functions."),
            (
                "zpci-recover list --json | jq -r 'select(.state == \"error\") | .address'",
                "Prints the addresses of the functions in error.",
            ),
        ],
        files: &[RECORD, TABLE],
    },
    Notes {
        command: "watch",
        examples: &[
            (
                "zpci-recover watch",
                "Prints errors of all functions, from now on.",
            ),
            (
                "zpci-recover watch --all --syslog",
                "Prints the errors in the record, then each new one, for journald: \
                 zpci-recover-watch.service runs this command.",
            ),
            (
                "zpci-recover watch --own 0001:00:00.0",
                "Opens a function, and resets it after each error.",
            ),
        ],
        files: &[RECORD, NODES],
    },
    Notes {
        command: "show",
        examples: &[(
            "zpci-recover show /dev/nvme0",
            "Shows the function of this disk.",
        )],
        files: &[RECORD, TABLE],
    },
    Notes {
        command: "reset",
        examples: &[(
            "zpci-recover reset 0001:00:00.0",
            "Resets a function that is bound to vfio-pci.",
        )],
        files: &[NODES],
    },
    Notes {
        command: "explain",
        examples: &[
            (
                "zpci-recover explain 0x3a 0x3b",
                "Explains two event codes.",
            ),
            (
                "journalctl -k | zpci-recover explain -",
                "Explains all events in a log.",
            ),
        ],
        files: &[],
    },
    Notes {
        command: "metrics",
        examples: &[(
            "zpci-recover metrics --output /var/lib/prometheus/node-exporter/zpci.prom",
            "Writes a file for the textfile collector of node_exporter.",
        )],
        files: &[RECORD, TABLE],
    },
    Notes {
        command: "inject",
        examples: &[(
            "zpci-recover inject 0001:00:00.0 0x3a",
            "Injects an event, on a test system.",
        )],
        files: &[INJECTOR],
    },
    Notes {
        command: "completions",
        examples: &[(
            "zpci-recover completions bash >/etc/bash_completion.d/zpci-recover",
            "Installs the completions, unless a package has done so.",
        )],
        files: &[],
    },
    Notes {
        command: "man",
        examples: &[(
            "zpci-recover man /usr/local/share/man/man8",
            "Writes all pages.",
        )],
        files: &[],
    },
];

pub fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut text = Vec::new();

    clap_complete::generate(args.shell, &mut Cli::command(), "zpci-recover", &mut text);
    io::Write::write_all(&mut io::stdout(), &text)?;
    Ok(())
}

/// Writes the sections that clap_mangen does not write.
fn sections(name: &str, notes: &Notes) -> Roff {
    let mut roff = Roff::new();
    let entry = |roff: &mut Roff, term: &str, text: &str| {
        roff.control("TP", []);
        roff.text([bold(term)]);
        roff.text([roman(text)]);
    };

    roff.control("SH", ["EXIT STATUS"]);
    entry(&mut roff, "0", "All went well.");
    entry(
        &mut roff,
        "1",
        "Something has failed, and standard error says what.",
    );
    entry(&mut roff, "2", "The command line is wrong.");
    roff.control("SH", ["EXAMPLES"]);
    for (command, text) in notes.examples {
        entry(&mut roff, command, text);
    }
    if !notes.files.is_empty() {
        roff.control("SH", ["FILES"]);
    }
    for (path, text) in notes.files {
        entry(&mut roff, path, text);
    }
    roff.control("SH", ["SEE ALSO"]);
    let main = if name == "zpci-recover" {
        ""
    } else {
        "zpci-recover(8), "
    };
    roff.text([roman(format!("{main}zpcictl(8), lspci(8), driverctl(8)"))]);
    roff
}

/// Takes the synopsis from `--help`; clap_mangen's lacks arguments of options and repetitions.
fn synopsis(command: &mut clap::Command) -> Roff {
    let name = command
        .get_bin_name()
        .unwrap_or(command.get_name())
        .to_owned();
    let usage = command.render_usage().to_string();
    let rest = usage
        .trim_start_matches("Usage: ")
        .trim_start_matches(&name);
    let mut roff = Roff::new();

    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold(&name), roman(rest)]);
    roff
}

fn render(mut command: clap::Command, name: &str) -> io::Result<Vec<u8>> {
    let synopsis = synopsis(&mut command);
    let has_options = command
        .get_arguments()
        .any(|argument| !argument.is_hide_set());
    let has_commands = command.has_subcommands();
    let notes = NOTES
        .iter()
        .find(|notes| notes.command == command.get_name())
        .ok_or_else(|| io::Error::other(format!("there are no notes on {name}")))?;
    let man = Man::new(command)
        .section(SECTION)
        // A blank: clap_mangen leaves an empty date out, and the next argument would take its
        // place.
        .date(" ")
        .source(concat!("zpci-recover ", env!("CARGO_PKG_VERSION")))
        .manual("zPCI error recovery");
    let mut text = Vec::new();

    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    synopsis.to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    if has_options {
        man.render_options_section(&mut text)?;
    }
    if has_commands {
        man.render_subcommands_section(&mut text)?;
    }
    sections(name, notes).to_writer(&mut text)?;
    Ok(text)
}

fn page(command: clap::Command, directory: &Path) -> Result<()> {
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned();
    let path = directory.join(format!("{name}.{SECTION}"));

    fs::write(&path, render(command, &name)?).map_err(|error| Error::Write { path, error })
}

pub fn man(args: &ManArgs) -> Result<()> {
    let mut command = Cli::command();

    // Gives the subcommands their full names, by which their pages are found.
    command.build();
    for sub in command.get_subcommands() {
        page(sub.clone(), &args.directory)?;
    }
    page(command, &args.directory)
}
