// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::mm` and `kernel::page`: mapping has no model.

pub(crate) const PAGE_SIZE: usize = 4096;

pub(crate) struct Page;

pub(crate) mod virt {
    use super::Page;
    use crate::prelude::*;

    pub(crate) struct VmaNew;

    impl VmaNew {
        pub(crate) fn start(&self) -> usize {
            0
        }

        pub(crate) fn end(&self) -> usize {
            super::PAGE_SIZE
        }

        pub(crate) fn try_clear_maywrite(&self) -> Result {
            Ok(())
        }

        pub(crate) fn set_dontexpand(&self) {}

        pub(crate) fn set_mixedmap(&self) -> &Self {
            self
        }

        pub(crate) fn vm_insert_page(&self, _address: usize, _page: &Page) -> Result {
            Ok(())
        }
    }
}
