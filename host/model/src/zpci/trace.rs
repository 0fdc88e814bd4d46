// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `trace.rs`: tracing does nothing.

use super::{
    session::{
        Captured,
        Taken, //
    },
    Ccdf,
    FunctionId,
    RecoveredBy, //
};
use crate::prelude::*;

pub(super) fn captured(_event: &Ccdf, _by: RecoveredBy, _captured: &Captured) {}

pub(super) fn dropped(_id: FunctionId, _dropped: u32) {}

pub(super) fn taken(_taken: &Taken) {}

pub(crate) fn signalled(_id: FunctionId) {}

pub(super) fn reset_begin(_id: FunctionId) {}

pub(super) fn reset_end(_id: FunctionId, _result: Result) {}
