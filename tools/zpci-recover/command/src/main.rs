// SPDX-License-Identifier: MIT OR Apache-2.0

//! Shows the errors of zPCI functions, and recovers from them.

#![forbid(unsafe_code)]

mod cli;
mod error;
mod explain;
mod function;
mod generate;
mod holder;
mod inject;
mod list;
mod log;
mod metrics;
mod output;
mod own;
mod recovery;
mod reset;
mod show;
mod target;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use error::Error;

fn run(command: &Command) -> error::Result<()> {
    match command {
        Command::List(args) => list::run(args),
        Command::Watch(args) if args.own => own::run(args),
        Command::Watch(args) => watch::run(args),
        Command::Show(args) => show::run(args),
        Command::Reset(args) => reset::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Metrics(args) => metrics::run(args),
        Command::Inject(args) => inject::run(args),
        Command::Completions(args) => generate::completions(args),
        Command::Man(args) => generate::man(args),
    }
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output has closed the pipe: no error.
        Err(Error::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            output::complain(&error);
            if error.is_usage() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}
