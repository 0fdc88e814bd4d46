// SPDX-License-Identifier: GPL-2.0-only

//! The platform, which has one function.

use super::{Ccdf, Device};
use crate::{
    arch,
    prelude::*,
    time::Thing, //
};
use loom::sync::{
    Mutex,
    MutexGuard, //
};

/// Config space: the registers that the model needs.
pub(crate) mod config {
    /// The second word contains Command, the third one stands for all other registers.
    pub(crate) const WORDS: usize = 3;

    /// The values after power-on.
    pub(crate) const DEFAULT: [u32; WORDS] = [0x1014, 0, 0];

    /// The values with which the PCI core has found the device.
    pub(crate) const FOUND: [u32; WORDS] = [0x1014, 0, 0xabcd];

    /// The values that the driver has set.
    pub(crate) const IN_USE: [u32; WORDS] = [0x1014, 0x0006, 0x5678];
}

/// A step of a reset that the platform can refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Unblock,
    ClearError,
    Translations,
    Disable,
    Enable,
    Register,
    FunctionReset,
    /// The platform refuses nothing, but blocks the function while config space is read.
    BlockedMeanwhile,
}

/// The platform's state of the function, and of its reports.
pub(crate) struct Platform {
    pub(crate) enabled: bool,
    pub(crate) gone: bool,
    /// In the error state, loads and stores are blocked.
    blocked: bool,
    error: bool,
    config: [u32; config::WORDS],
    /// Whether a reset by the platform also resets the inside of the device.
    pub(crate) resets_inside: bool,
    /// Whether the device can be reset alone, without its slot.
    pub(crate) resets_itself: bool,
    /// The inside of the device has been reset since the error.
    pub(crate) inside_is_reset: bool,
    /// The device could do DMA between the error and the reset of the device's inside.
    pub(crate) went_on: bool,
    /// The step that is refused next, once.
    pub(crate) refuses: Option<Step>,
    reported: usize,
    submitted: usize,
}

loom::lazy_static! {
    static ref PLATFORM: Mutex<Platform> = Mutex::new(Platform::new());
    static ref SUBMITTED: Thing = Thing::new();
}

pub(crate) fn platform() -> MutexGuard<'static, Platform> {
    PLATFORM.lock().unwrap()
}

impl Platform {
    /// Makes a platform with a function that works and has had no error.
    pub(crate) const fn new() -> Self {
        Self {
            enabled: true,
            gone: false,
            blocked: false,
            error: false,
            config: config::IN_USE,
            resets_inside: true,
            resets_itself: true,
            inside_is_reset: false,
            went_on: false,
            refuses: None,
            reported: 0,
            submitted: 0,
        }
    }

    fn is_accessible(&self) -> bool {
        self.enabled && !self.blocked && !self.gone
    }

    pub(crate) fn is_in_error(&self) -> bool {
        self.blocked || self.error || !self.enabled
    }

    pub(crate) fn config(&self) -> [u32; config::WORDS] {
        self.config
    }

    pub(crate) fn read(&self, at: usize) -> u32 {
        if self.is_accessible() {
            self.config[at]
        } else {
            u32::MAX
        }
    }

    pub(crate) fn write(&mut self, at: usize, value: u32) {
        if self.is_accessible() {
            self.config[at] = value;
        }
        self.look();
    }

    fn look(&mut self) {
        const MASTER: u32 = 4;

        self.went_on |= self.is_accessible()
            && !self.error
            && !self.inside_is_reset
            && self.config[1] & MASTER != 0;
    }

    pub(crate) fn attempt(&mut self, step: Step) -> Result {
        if self.gone || self.refuses == Some(step) {
            self.refuses = None;
            self.blocked |= step == Step::BlockedMeanwhile;
            return Err(EIO);
        }
        Ok(())
    }

    pub(crate) fn unblock(&mut self) -> Result {
        self.attempt(Step::Unblock)?;
        self.blocked = false;
        Ok(())
    }

    pub(crate) fn clear_error(&mut self) -> Result {
        self.attempt(Step::ClearError)?;
        self.error = false;
        Ok(())
    }

    pub(crate) fn disable(&mut self) -> Result {
        self.attempt(Step::Disable)?;
        self.enabled = false;
        Ok(())
    }

    pub(crate) fn enable(&mut self) -> Result {
        self.attempt(Step::Enable)?;
        self.enabled = true;
        self.blocked = false;
        self.error = false;
        if self.resets_inside {
            self.reset_inside();
        }
        self.look();
        Ok(())
    }

    pub(crate) fn reset_inside(&mut self) {
        self.config = config::DEFAULT;
        self.inside_is_reset = true;
    }
}

/// Puts the function into the error state and reports that. The calling thread stands for the
/// channel report thread.
pub(crate) fn raise(zdev: &Device, event: Ccdf) {
    let mut now = platform();

    now.blocked = true;
    now.error = true;
    now.inside_is_reset = false;
    now.reported += 1;
    drop(now);
    arch::error_event(zdev, event);
    platform().submitted += 1;
    SUBMITTED.happened();
}

/// Takes the function away and reports that.
pub(crate) fn take_away(event: Ccdf) {
    platform().gone = true;
    arch::availability_event(event);
    // Wakes threads that sleep, so that they notice the change.
    Thing::PROCESSED.happened();
}

/// Returns the number of events that have been reported.
pub(crate) fn reported() -> usize {
    platform().reported
}

/// Waits until all events reported so far have been submitted.
pub(crate) fn wait_for_channel_reports() -> Result {
    let until = reported();

    SUBMITTED.wait(|| (platform().submitted >= until).then_some(()));
    Ok(())
}
