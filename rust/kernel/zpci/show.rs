// SPDX-License-Identifier: GPL-2.0-only

//! The state of all functions, as debugfs shows it: a line for each, and one for each event that
//! nobody has taken yet.

use super::{
    session::Overview,
    Device,
    Function, //
};
use crate::{
    seq_file::SeqFile,
    seq_print,
    sync::atomic::Relaxed, //
};

/// Writes the state of all functions, below a line that says what the columns are. May sleep.
pub fn show(m: &SeqFile) {
    seq_print!(
        m,
        "{:8}  {:12}  {:17}  {:8}  {:8}  {:>6}  {:>6}  {:>9}  {:>7}  {:>8}  {:>7}  {:>7}\n",
        "function",
        "address",
        "channel",
        "owner",
        "recovery",
        "opened",
        "resets",
        "unhandled",
        "ignored",
        "captured",
        "waiting",
        "dropped"
    );
    Device::for_each(|zdev| zdev.show(m));
}

/// What has happened to a function, whether user space has it open or not.
#[derive(Default)]
struct Counters {
    opened: u32,
    resets: u32,
    unhandled: u32,
    ignored: u32,
}

impl Device {
    /// Writes the state of the function. It takes no lock of the function: one that somebody is
    /// busy with is of interest above all, and nobody is to find it locked because of this.
    fn show(&self, m: &SeqFile) {
        let (domain, devfn) = self.address();
        let channel = self
            .pdev()
            .map_or("none", |pdev| super::channel_state(&pdev).name());
        let function = self.recovery();
        let overview = function.and_then(|function| function.overview());
        let counters = function.map_or_else(Counters::default, |function| function.counters());

        seq_print!(
            m,
            "{:08x}  {:04x}:00:{:02x}.{}  {:17}  {:8}  {:8}  {:6}  {:6}  {:9}  {:7}",
            self.fid().as_raw(),
            domain,
            devfn >> 3,
            devfn & 7,
            channel,
            overview.map_or("none", |overview| overview.owner()),
            overview.map_or("host", |overview| overview.recovery.name()),
            counters.opened,
            counters.resets,
            counters.unhandled,
            counters.ignored
        );
        if let Some(Overview {
            captured,
            waiting,
            dropped,
            ..
        }) = overview
        {
            seq_print!(m, "  {:8}  {:7}  {:7}", captured, waiting, dropped);
        }
        seq_print!(m, "\n");
        if let Some(function) = function {
            function.show_events(m);
        }
    }
}

impl Function {
    fn counters(&self) -> Counters {
        Counters {
            opened: self.opened.load(Relaxed),
            resets: self.resets.load(Relaxed),
            unhandled: self.unhandled.load(Relaxed),
            ignored: self.ignored.load(Relaxed),
        }
    }

    fn show_events(&self, m: &SeqFile) {
        for nth in 0.. {
            let Some((pending, stale)) = self.peek(nth) else {
                return;
            };

            seq_print!(
                m,
                "  {}: event {:#x}, recovery by {}{}\n",
                pending.sequence,
                pending.event.pec().as_raw(),
                pending.recovery.name(),
                if stale { ", stale" } else { "" }
            );
        }
    }
}
