// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line. Help, completions and manual pages are made from this.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use zpci_recover::Pec;

use crate::target::Target;

/// Look at the errors of zPCI functions, and recover from them
#[derive(Debug, Parser)]
#[command(
    name = "zpci-recover",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List functions: who owns them, their driver, state, and errors
    List(ListArgs),
    /// Print errors as they happen, one line each
    ///
    /// The errors come from the kernel's own record. So functions that other processes own are
    /// included, and their owners lose no event. It needs root, and debugfs.
    Watch(WatchArgs),
    /// Show a function: its state, its owner, and its errors
    Show(ShowArgs),
    /// Reset a function that is bound to vfio-pci and not open
    Reset(ResetArgs),
    /// Explain an event code or a CCDF
    Explain(ExplainArgs),
    /// Print counters of all functions, as node_exporter reads them
    ///
    /// They are in the text format of Prometheus. It needs root, and debugfs.
    Metrics(MetricsArgs),
    /// Inject an error, with the module zpci_inject
    ///
    /// The kernel processes it like an error from the platform, but the function itself works on.
    Inject(InjectArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Write the manual pages
    Man(ManArgs),
}

/// Arguments of `list`
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Only these functions, as 0001:00:00.0 or /dev/nvme0
    #[arg(value_name = "FUNCTION")]
    pub functions: Vec<Target>,
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `watch`
#[derive(Args, Debug)]
pub struct WatchArgs {
    /// Only these functions, as 0001:00:00.0 or /dev/nvme0
    #[arg(value_name = "FUNCTION", required_if_eq("own", "true"))]
    pub functions: Vec<Target>,
    /// Own the functions meanwhile, and reset them after each error
    ///
    /// They must be bound to vfio-pci and not be open. Fields that only the error region has are
    /// printed as well. A function whose reset fails is given up, and the others go on.
    #[arg(long)]
    pub own: bool,
    /// First print the errors that the kernel's record has already
    #[arg(long, conflicts_with = "own")]
    pub all: bool,
    /// Begin each line with its priority, for journald
    ///
    /// Permanent failures are critical, transient errors are errors, lost records are a warning.
    #[arg(long, conflicts_with = "json")]
    pub syslog: bool,
    /// End after that many events
    #[arg(long, short = 'n', value_name = "EVENTS")]
    pub count: Option<u64>,
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `show`
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The function, as 0001:00:00.0 or /dev/nvme0
    pub function: Target,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `reset`
#[derive(Args, Debug)]
pub struct ResetArgs {
    /// The function, as 0001:00:00.0
    pub function: Target,
}

/// Arguments of `metrics`
#[derive(Args, Debug)]
pub struct MetricsArgs {
    /// Replace this file, at once, so that nobody reads half of it
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Arguments of `explain`
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Event codes, CCDFs in hexadecimal, or - for a log on standard input
    ///
    /// In a log, the kernel's messages and its record of errors
    /// (/sys/kernel/debug/s390dbf/pci_error/hex_ascii) are understood.
    #[arg(required = true, value_name = "PEC|CCDF|-")]
    pub what: Vec<String>,
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Whether a function has read or written
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum AccessArg {
    /// It has read memory
    Read,
    /// It has written to memory
    Write,
}

/// Arguments of `inject`
#[derive(Args, Debug)]
pub struct InjectArgs {
    /// The function, as 0001:00:00.0 or /dev/nvme0
    pub function: Target,
    /// The event code
    pub pec: Pec,
    /// The address that the function failed to access
    #[arg(long, value_name = "HEX", value_parser = hexadecimal)]
    pub address: Option<u64>,
    /// How it was accessed
    #[arg(long, requires = "address", default_value = "read")]
    pub access: AccessArg,
}

/// Arguments of `completions`
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// For this shell
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Where to
    pub directory: PathBuf,
}

fn hexadecimal(text: &str) -> Result<u64, String> {
    let digits = text.trim_start_matches("0x").trim_start_matches("0X");

    u64::from_str_radix(digits, 16).map_err(|_| "it must be hexadecimal".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_fit_together() {
        Cli::command().debug_assert();
    }
}
