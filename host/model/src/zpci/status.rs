// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `status.rs`: nobody maps the page.

use super::session::Session;
use crate::{
    mm::Page,
    prelude::*, //
};

pub(super) struct StatusPage(Page);

impl StatusPage {
    pub(super) fn new() -> Result<Self> {
        Ok(Self(Page))
    }

    pub(super) fn page(&self) -> &Page {
        &self.0
    }

    pub(super) fn publish(&self, _session: &Session) {}
}
