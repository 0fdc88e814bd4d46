// SPDX-License-Identifier: GPL-2.0-only

//! The handler of all event queues: calls the code for the event's kind.

use super::{
    availability,
    error,
    recovery, //
};
use kernel::zpci::{
    Device,
    Event, //
};

/// Processes an event of the function `zdev`, or of a function without a `zpci_dev`. Returns
/// [`None`] if the event must be tried again later, for example because a lock is taken.
pub(super) fn process(zdev: Option<&Device>, event: &Event, generation: u32) -> Option<()> {
    match (event, zdev) {
        (Event::Error(error), Some(zdev)) => error::process(zdev, error, generation),
        (Event::Availability(event), Some(zdev)) => availability::process(zdev, event),
        (Event::Availability(event), None) => availability::process_unknown(event),
        (Event::Abandoned, Some(zdev)) => recovery::process_abandoned(zdev),
        (Event::Reports, Some(zdev)) => {
            zdev.send_reports();
            Some(())
        }
        (Event::Error(_) | Event::Abandoned | Event::Reports, None) => Some(()),
    }
}
