// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::mm` and `kernel::page`: mapping is not part of the model.

pub(crate) const PAGE_SIZE: usize = 4096;

pub(crate) mod virt {
    pub(crate) struct VmaNew;
}
