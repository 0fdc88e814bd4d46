// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `trace.rs`: nobody looks.

use super::{
    session::Captured,
    ErrorEvent,
    FunctionId, //
};

pub(super) fn captured(_event: &ErrorEvent, _captured: &Captured) {}

pub(super) fn dropped(_id: FunctionId, _dropped: u32) {}

pub(super) fn taken(_event: &ErrorEvent, _sequence: u64) {}

pub(crate) fn signalled(_id: FunctionId) {}
