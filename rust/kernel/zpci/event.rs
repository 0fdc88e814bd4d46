// SPDX-License-Identifier: GPL-2.0-only

//! Events on their way from the channel report thread to the work item of their function.

use super::{
    Availability,
    AvailabilityEvent,
    Device,
    ErrorEvent,
    Item,
    Progress,
    Severity, //
};
use crate::{
    prelude::*,
    sync::aref::ARef, //
};

/// Something that has happened to a function and must be processed in order.
#[derive(Clone, Copy)]
pub enum Event {
    /// The platform has reported an error.
    Error(ErrorEvent),
    /// The platform has reported a change of availability.
    Availability(AvailabilityEvent),
    /// An owner has left the function in error.
    Abandoned,
}

impl Event {
    /// How many events of a function may be on their way for this one to be added.
    ///
    /// A storm of errors leaves room for what must not be missed, above all that the function is
    /// gone.
    fn limit(&self) -> usize {
        match self {
            Self::Error(error) if error.pec().severity() != Severity::Permanent => 32,
            Self::Error(_) => 40,
            Self::Availability(_) | Self::Abandoned if !self.is_end() => Self::ROOM - 1,
            Self::Availability(_) | Self::Abandoned => Self::ROOM,
        }
    }

    /// How many events of a function can be on their way at most.
    pub(super) const ROOM: usize = 48;

    /// Whether the function may be in error because of it.
    pub(super) fn may_be_in_error(&self) -> bool {
        match self {
            Self::Error(error) => error.pec().severity() != Severity::Measurement,
            Self::Abandoned => true,
            Self::Availability(_) => false,
        }
    }

    /// Whether the platform has taken the function away with it.
    pub(super) fn is_end(&self) -> bool {
        match self {
            Self::Availability(event) => event.change() == Some(Availability::Deconfigured),
            Self::Error(_) | Self::Abandoned => false,
        }
    }
}

/// Processes an event of a function in its turn, which may be some time after it was submitted:
/// `generation` is that of the function at that time.
pub type Handler = fn(zdev: &Device, event: &Event, generation: u32) -> Progress;

/// An event that was submitted.
#[derive(Clone)]
pub(super) struct Submitted {
    /// The work item has this reference: the channel report thread never has the last one.
    zdev: ARef<Device>,
    pub(super) event: Event,
    generation: u32,
}

impl Item for Submitted {
    fn process(&self) -> Progress {
        let Ok(recovery) = self.zdev.recovery() else {
            return Progress::Done;
        };

        recovery.handler()(&self.zdev, &self.event, self.generation)
    }
}

impl Device {
    /// Submits an event, to be processed in its turn. Waits for nothing, and needs no memory.
    ///
    /// # Errors
    ///
    /// [`EAGAIN`] if there is no room. If user space has the function its owner is told that an
    /// event is lost.
    pub fn submit(zdev: ARef<Self>, event: Event) -> Result {
        let events = zdev.recovery()?.events();
        let submitted = Submitted {
            generation: zdev.generation(),
            zdev,
            event,
        };

        events.add(submitted, event.limit()).map_err(|lost| {
            if event.may_be_in_error() {
                lost.zdev.lose_event();
            }
            EAGAIN
        })
    }

    fn lose_event(&self) {
        if let Ok(recovery) = self.recovery() {
            recovery.lose(self.fid());
        }
    }
}
