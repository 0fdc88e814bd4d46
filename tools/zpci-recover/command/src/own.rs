// SPDX-License-Identifier: GPL-2.0-only

//! `zpci-recover watch --own`: as the owner of functions, who resets them after each error.

use std::{
    io::Write,
    os::fd::AsFd,
    time::{Instant, SystemTime},
};

use rustix::event::{poll, PollFd, PollFlags};
use serde::Serialize;
use zpci_recover::{Event, Function, Listener};

use crate::{
    cli::WatchArgs,
    error::{Error, Result},
    output::{self, JsonCcdf, JsonRecord},
    reset,
};

#[derive(Serialize)]
struct JsonEvent {
    time: String,
    address: String,
    #[serde(flatten)]
    ccdf: JsonCcdf,
    record: Option<JsonRecord>,
    reset_ms: Option<f64>,
    reset_error: Option<String>,
}

/// An event, and what came of the reset that it asked for.
struct Outcome<'a> {
    function: &'a Function,
    event: &'a Event,
    reset: Option<std::result::Result<f64, String>>,
}

impl Outcome<'_> {
    fn line(&self, json: bool) -> Result<String> {
        let time = output::time(SystemTime::now());
        let address = self.function.address().to_string();

        if json {
            return output::json(&JsonEvent {
                time,
                address,
                ccdf: self.event.ccdf().into(),
                record: self.event.record().map(JsonRecord::from),
                reset_ms: self.reset.as_ref().and_then(|reset| reset.clone().ok()),
                reset_error: self.reset.as_ref().and_then(|reset| reset.clone().err()),
            });
        }
        let remarks = self.event.record().map(output::remarks).unwrap_or_default();
        let reset = match &self.reset {
            None => String::new(),
            Some(Ok(ms)) => format!("; reset in {ms:.1} ms"),
            Some(Err(error)) => format!("; {error}"),
        };

        Ok(format!(
            "{time} {address}{remarks} {}{reset}",
            output::summary(self.event.ccdf())
        ))
    }
}

/// Takes the events of a function, and resets it once if one of them asks for it.
fn handle(listener: &Listener<Function>, args: &WatchArgs, out: &mut impl Write) -> Result<u64> {
    let mut count = 0;
    let mut fresh = listener.drain()?;

    while !fresh.is_empty() {
        let mut next = Vec::new();
        let first = fresh.iter().position(Event::needs_reset);

        for (i, event) in fresh.iter().enumerate() {
            let reset = (first == Some(i)).then(|| {
                let start = Instant::now();

                listener
                    .recover()
                    .map(|events| {
                        next = events;
                        start.elapsed().as_secs_f64() * 1e3
                    })
                    .map_err(|error| error.to_string())
            });
            let outcome = Outcome {
                function: listener.device(),
                event,
                reset,
            };

            writeln!(out, "{}", outcome.line(args.json)?)?;
            count += 1;
        }
        fresh = next;
    }
    Ok(count)
}

pub fn run(args: &WatchArgs) -> Result<()> {
    let mut out = anstream::stdout();
    let mut listeners = Vec::new();

    for target in &args.functions {
        listeners.push(Listener::new(reset::open(target.address()?)?)?);
    }
    for listener in &listeners {
        anstream::eprintln!(
            "owner of {} now, with the error {}",
            listener.device().address(),
            format!("{:?}", listener.interface()).to_lowercase()
        );
    }
    let mut count = 0;

    while args.count.is_none_or(|wanted| count < wanted) {
        let mut fds: Vec<_> = listeners
            .iter()
            .map(|listener| PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN))
            .collect();

        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => (),
            Err(error) => return Err(Error::Wait(error.into())),
        }
        for listener in &listeners {
            count += handle(listener, args, &mut out)?;
        }
    }
    Ok(())
}
