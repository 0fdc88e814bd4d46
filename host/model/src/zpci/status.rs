// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `status.rs`: mapping the page is not part of the model.

use super::{
    session::Session,
    Recovery, //
};
use crate::{
    mm::virt::VmaNew,
    prelude::*, //
};

pub(super) struct StatusPage;

impl StatusPage {
    pub(super) fn publish(&self, _session: &Session) {}
}

impl Recovery {
    pub(crate) fn map_status(&self, _vma: &VmaNew) -> Result {
        unreachable!()
    }
}
