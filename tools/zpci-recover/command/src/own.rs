// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zpci-recover watch --own`: owns functions, and resets each after an error.

use std::{
    io::Write,
    os::fd::AsFd,
    time::{Instant, SystemTime},
};

use rustix::event::{poll, PollFd, PollFlags};
use serde::Serialize;
use zpci_recover::{Event, Function, Listener, Outcome, Record, Recovery};

use crate::{
    cli::WatchArgs,
    error::{Error, Result},
    output::{self, JsonCcdf},
    reset,
};

#[derive(Serialize)]
struct JsonEvent<'a> {
    time: String,
    address: String,
    #[serde(flatten)]
    ccdf: JsonCcdf,
    record: Option<&'a Record>,
    reset_ms: Option<f64>,
    reset_error: Option<String>,
}

/// A line for an event, with the result of its recovery: the time of the resets, or the error.
struct Line<'a> {
    function: &'a Function,
    event: &'a Event,
    reset: Option<&'a std::result::Result<f64, String>>,
}

impl Line<'_> {
    fn text(&self, args: &WatchArgs) -> Result<String> {
        let time = output::time(SystemTime::now());
        let address = self.function.address().to_string();

        if args.json {
            return output::json(&JsonEvent {
                time,
                address,
                ccdf: self.event.ccdf().into(),
                record: self.event.record(),
                reset_ms: self.reset.and_then(|reset| reset.as_ref().ok().copied()),
                reset_error: self.reset.and_then(|reset| reset.as_ref().err().cloned()),
            });
        }
        let remarks = self.event.record().map(output::remarks).unwrap_or_default();
        let reset = match self.reset {
            None => String::new(),
            Some(Ok(ms)) => format!("; reset in {ms:.1} ms"),
            Some(Err(error)) => format!("; {error}"),
        };

        Ok(format!(
            "{}{time} {address}{remarks} {}{reset}",
            output::priority(args.syslog, output::level(self.event.severity())),
            output::summary(self.event.ccdf())
        ))
    }
}

/// Takes the events of a function, resets it if one of them asks for that, and prints them. Returns
/// their number, and the error for which the function cannot be owned any longer.
fn handle(
    listener: &Listener<Function>,
    args: &WatchArgs,
    out: &mut impl Write,
) -> Result<(u64, Option<Error>)> {
    let start = Instant::now();
    let (events, reset, failure) = match listener.recover() {
        Ok(Recovery { events, outcome }) => (
            events,
            (outcome == Outcome::Reset).then(|| Ok(start.elapsed().as_secs_f64() * 1e3)),
            None,
        ),
        Err(error) => (
            listener.drain().unwrap_or_default(),
            Some(Err(error.to_string())),
            Some(Error::Owner {
                address: listener.device().address(),
                error,
            }),
        ),
    };

    for (i, event) in events.iter().enumerate() {
        let line = Line {
            function: listener.device(),
            event,
            reset: reset.as_ref().filter(|_| i + 1 == events.len()),
        };

        writeln!(out, "{}", line.text(args)?)?;
    }
    Ok((events.len() as u64, failure))
}

fn wait(listeners: &[Listener<Function>]) -> Result<()> {
    let mut fds: Vec<_> = listeners
        .iter()
        .map(|listener| PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN))
        .collect();

    match poll(&mut fds, None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(Error::Wait(error.into())),
    }
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
    let all = listeners.len();
    let mut count = 0;

    while args.count.is_none_or(|wanted| count < wanted) {
        wait(&listeners)?;
        let mut left = Vec::new();

        for listener in listeners {
            let (events, failure) = handle(&listener, args, &mut out)?;

            count += events;
            match failure {
                None => left.push(listener),
                Some(error) if all == 1 => return Err(error),
                // One failing function must not end the recovery of the others.
                Some(error) => output::complain(&error),
            }
        }
        listeners = left;
        if listeners.is_empty() {
            break;
        }
    }
    match all - listeners.len() {
        0 => Ok(()),
        failed => Err(Error::GivenUp { failed, all }),
    }
}
