// SPDX-License-Identifier: GPL-2.0-only

//! The state of all functions, as debugfs shows it: a line for each, and one for each event that
//! nobody has taken yet.

use super::{
    session::Overview,
    Device,
    Recovery, //
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

impl Device {
    /// Writes the state of the function. It takes no lock of the function: one that somebody is
    /// busy with is of interest above all, and nobody is to find it locked because of this.
    fn show(&self, m: &SeqFile) {
        let (domain, devfn) = self.address();
        let channel = self
            .pdev()
            .map_or("none", |pdev| super::channel_state(&pdev).name());
        let Ok(recovery) = self.recovery() else {
            return;
        };
        let overview = recovery.overview();

        seq_print!(
            m,
            "{:08x}  {:04x}:00:{:02x}.{}  {:17}  {:8}  {:8}  {:6}  {:6}  {:9}  {:7}",
            self.fid().as_raw(),
            domain,
            devfn >> 3,
            devfn & 7,
            channel,
            overview.map_or("none", |overview| overview.owner()),
            overview.map_or("host", |overview| overview.recovered_by.name()),
            recovery.opened.load(Relaxed),
            self.resets(),
            recovery.unprocessed(),
            recovery.ignored.load(Relaxed)
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
        recovery.show_events(m);
    }
}

impl Recovery {
    fn show_events(&self, m: &SeqFile) {
        for nth in 0.. {
            let Some(taken) = self.peek(nth) else { return };

            seq_print!(
                m,
                "  {}: event {:#x}, recovery by {}{}\n",
                taken.pending.sequence,
                taken.pending.event.pec().as_raw(),
                taken.pending.recovered_by.name(),
                if taken.stale { ", stale" } else { "" }
            );
        }
    }
}
