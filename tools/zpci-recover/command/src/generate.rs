// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zpci-recover completions` and `zpci-recover man`

use std::{fs, io, path::Path};

use clap::CommandFactory;
use clap_mangen::Man;

use crate::{
    cli::{Cli, CompletionsArgs, ManArgs},
    error::{Error, Result},
};

/// For the administrator, as zpcictl.
const SECTION: &str = "8";

pub fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut text = Vec::new();

    clap_complete::generate(args.shell, &mut Cli::command(), "zpci-recover", &mut text);
    io::Write::write_all(&mut io::stdout(), &text)?;
    Ok(())
}

fn page(command: clap::Command, directory: &Path) -> Result<()> {
    let path = directory.join(format!(
        "{}.{SECTION}",
        command
            .get_display_name()
            .unwrap_or_else(|| command.get_name())
    ));
    let mut text = Vec::new();

    Man::new(command).section(SECTION).render(&mut text)?;
    fs::write(&path, text).map_err(|error| Error::Write { path, error })
}

pub fn man(args: &ManArgs) -> Result<()> {
    let mut command = Cli::command();

    // Only then do the commands have the names under which their pages are looked for.
    command.build();
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        page(sub.clone(), &args.directory)?;
    }
    page(command, &args.directory)
}
