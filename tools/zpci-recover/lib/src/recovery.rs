// SPDX-License-Identifier: MIT OR Apache-2.0

//! Recoveries: events that were taken, and their effect on the function.

use std::collections::VecDeque;

use crate::{Error, Event, Pec, Result};

/// How often a function may fail again during its recovery before that counts as an error.
const LIMIT: u32 = 4;

/// A recovery: its events, and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use = "after a reset the device must be set up again, and a function may be lost"]
pub struct Recovery {
    /// The events that were taken, oldest first; there may be none.
    pub events: Vec<Event>,
    /// The outcome, which says what the owner has to do.
    pub outcome: Outcome,
}

/// How a recovery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Outcome {
    /// No event asked for a reset: the driver goes on.
    Unchanged,
    /// The function was reset: the driver sets up the device again.
    Reset,
    /// The function has failed for good, with this code, and was not reset after that.
    Lost(Pec),
}

/// The open business of a listener.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Events that were taken from the kernel, but not returned to the caller yet.
    pub(crate) events: VecDeque<Event>,
    /// An event that asked for a reset was taken, and the function was not reset since.
    reset_due: bool,
    lost: Option<Pec>,
}

impl Ledger {
    pub(crate) fn note(&mut self, event: Event) {
        self.reset_due |= event.needs_reset();
        if event.is_loss() {
            self.lost = Some(event.pec());
        }
        self.events.push_back(event);
    }

    pub(crate) fn note_reset(&mut self) {
        self.reset_due = false;
        self.lost = None;
    }

    /// Whether the function must be reset, after `resets` resets in this recovery.
    pub(crate) fn must_reset(&self, resets: u32) -> Result<bool> {
        match (self.reset_due, self.lost, resets) {
            (_, Some(_), _) | (false, None, _) => Ok(false),
            (true, None, LIMIT..) => Err(Error::FailsAgain),
            (true, None, _) => Ok(true),
        }
    }

    pub(crate) fn close(&mut self, resets: u32) -> Recovery {
        Recovery {
            events: self.events.drain(..).collect(),
            outcome: match (self.lost, resets) {
                (Some(pec), _) => Outcome::Lost(pec),
                (None, 0) => Outcome::Unchanged,
                (None, _) => Outcome::Reset,
            },
        }
    }
}
