// SPDX-License-Identifier: MIT OR Apache-2.0

//! What became of a function whose events were taken.

use std::collections::VecDeque;

use crate::{Error, Event, Pec, Result};

/// How often a function may fail again while it is being recovered, before its owner is told.
const LIMIT: u32 = 4;

/// What a recovery met, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use = "after a reset the device must be set up again, and a function may be lost"]
pub struct Recovery {
    /// The events that were taken, oldest first; there may be none.
    pub events: Vec<Event>,
    /// What the owner has to do now.
    pub outcome: Outcome,
}

/// How a recovery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Outcome {
    /// Nothing asked for a reset: the driver goes on.
    Unchanged,
    /// The function was reset: the driver sets up the device again.
    Reset,
    /// The function has failed for good, with this code. It was not reset after that.
    Lost(Pec),
}

/// What a listener owes to its function, and to its user.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Events that are taken from the kernel and not given to the user.
    pub(crate) events: VecDeque<Event>,
    /// An event that asked for a reset was taken, and there was none since.
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

    pub(crate) fn was_reset(&mut self) {
        self.reset_due = false;
        self.lost = None;
    }

    /// Whether the function has to be reset, after so many resets of the same recovery.
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
