// SPDX-License-Identifier: MIT OR Apache-2.0

//! Information about a function that can be read without opening it.

use std::{fs::File, os::unix::fs::FileExt};

use serde::Serialize;
use zpci_recover::{sysfs, Address, Severity};

use crate::{
    error::{Error, Result},
    holder::{holder, Held},
    log::Entry,
    recovery::{recovery, Value},
};

/// Whether a function answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    Error,
    Unknown,
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the state from Command and Status: those of a function in error are all ones. The
    /// kernel returns vendor and device ID from memory, also in error.
    pub fn of(address: Address) -> Self {
        let mut command_and_status = [0; 4];
        let read = File::open(sysfs::directory(address).join("config"))
            .and_then(|config| config.read_exact_at(&mut command_and_status, 4));

        match (read, command_and_status) {
            (Err(_), _) => Self::Unknown,
            (Ok(()), [0xff, 0xff, 0xff, 0xff]) => Self::Error,
            (Ok(()), _) => Self::Ok,
        }
    }
}

/// A function as sysfs shows it.
#[derive(Clone, Debug)]
pub struct Function {
    pub address: Address,
    pub function_id: u32,
    pub function_handle: Option<u32>,
    pub uid: Option<u32>,
    pub pchid: Option<u32>,
    pub driver: Option<String>,
    pub held: Held,
    pub state: State,
}

/// The function's errors in the kernel's record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    pub errors: usize,
    pub permanent: usize,
}

fn number(address: Address, name: &str) -> Option<u32> {
    let text = sysfs::attribute(address, name).ok()?;

    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// The function ID; only zPCI functions have one.
pub fn function_id(address: Address) -> Option<u32> {
    number(address, "function_id")
}

impl Function {
    pub fn read(address: Address) -> Result<Self> {
        Ok(Self {
            address,
            function_id: function_id(address).ok_or_else(|| Error::NotZpci(address.to_string()))?,
            function_handle: number(address, "function_handle"),
            uid: number(address, "uid"),
            pchid: number(address, "pchid"),
            driver: sysfs::driver(address),
            held: holder(address),
            state: match recovery(address)
                .as_ref()
                .and_then(|known| known.get("channel"))
            {
                // Does not read config space: the kernel records each access that fails, and
                // looking once a minute would fill its small record in two hours.
                Some(Value::Word(word)) if word == "frozen" || word == "permanent-failure" => {
                    State::Error
                }
                _ => State::of(address),
            },
        })
    }

    /// Returns the function's events in a log, oldest first.
    pub fn events<'a>(&'a self, log: &'a [Entry]) -> impl Iterator<Item = &'a Entry> {
        log.iter()
            .filter(|entry| entry.function_id() == Some(self.function_id))
    }

    pub fn counters(&self, log: &[Entry]) -> Counters {
        self.events(log)
            .fold(Counters::default(), |counters, entry| Counters {
                errors: counters.errors + 1,
                permanent: counters.permanent
                    + usize::from(entry.pec().severity() == Severity::Permanent),
            })
    }
}

/// Finds the function with an ID.
pub fn with_id(id: u32) -> Option<Address> {
    sysfs::functions()
        .ok()?
        .into_iter()
        .find(|address| function_id(*address) == Some(id))
}
