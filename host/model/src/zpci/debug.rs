// SPDX-License-Identifier: GPL-2.0-only

//! Stands for the logs of the s390 debug feature: entries are dropped.

use super::{
    Ccdf,
    Device, //
};

pub(crate) fn availability(_event: &Ccdf) {}

pub(crate) fn old_handle(_event: &Ccdf, _now: u32) {}

pub(crate) fn reappeared(_zdev: &Device) {}
