// SPDX-License-Identifier: GPL-2.0-only

//! The status page, in which user space can see errors without a system call.
//!
//! C header: [`include/uapi/linux/vfio_zdev_error.h`](srctree/include/uapi/linux/vfio_zdev_error.h)

use super::{
    session::Session,
    Record,
    Recovery, //
};
use crate::{
    bindings,
    mm::virt::VmaNew,
    page::{
        Page,
        PAGE_SIZE, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed,
            Release, //
        },
        Arc, //
    }, //
};

/// The status page: a page that holds a `struct vfio_device_zpci_err_status`.
///
/// User space may read the page at any time, so the kernel writes whole words, and increments the
/// sequence count before and after a change. User space reads again if the sequence count is odd or
/// has changed meanwhile.
pub(super) struct StatusPage(Page);

/// The structure in the status page, as 64-bit words.
type Words = [Atomic<u64>; StatusPage::SIZE / size_of::<u64>()];

impl StatusPage {
    const COUNT: usize = 0;
    const GENERATION: usize = 1;
    const PENDING: usize = 2;
    const NEWEST: usize = 3;
    const SIZE: usize = Self::NEWEST * size_of::<u64>() + Record::SIZE;

    /// Allocates a status page of zeroes. The caller must publish the session's state in the page
    /// before user space maps the page.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] if there is no memory.
    pub(super) fn new() -> Result<Self> {
        Ok(Self(Page::alloc_page(GFP_KERNEL | __GFP_ZERO)?))
    }

    fn words(&self) -> &Words {
        // SAFETY: The page belongs to `self`, and lives as long as `self`. The page has an address,
        // because this architecture has no high memory, and the structure is far smaller than a
        // page. All writes to the page are of atomic words.
        unsafe { &*bindings::page_address(self.0.as_ptr()).cast() }
    }

    /// Writes the session's present state into the status page. The caller holds the session lock.
    ///
    /// Each store is a release, so readers see the stores in their order: the sequence count
    /// becomes odd before anything else changes, and even after everything else has changed.
    pub(super) fn publish(&self, session: &Session) {
        let words = self.words();
        let overview = session.overview();
        // Of two 32-bit fields in a word, the first is the upper half: this architecture is
        // big-endian.
        let pair = |first: u32, second: u32| u64::from(first) << 32 | u64::from(second);
        // CAST: The sequence count is the upper half of the word, 32 bits.
        let count = (words[Self::COUNT].load(Relaxed) >> 32) as u32;

        // CAST: The structure has a few dozen bytes and the session's queue a few slots: both
        // numbers fit in 32 bits.
        words[Self::COUNT].store(pair(count.wrapping_add(1), Self::SIZE as u32), Release);
        words[Self::GENERATION].store(overview.captured, Release);
        words[Self::PENDING].store(pair(overview.waiting as u32, overview.dropped), Release);
        for (word, bytes) in words[Self::NEWEST..]
            .iter()
            .zip(session.newest().bytes().as_chunks::<8>().0)
        {
            word.store(u64::from_ne_bytes(*bytes), Release);
        }
        words[Self::COUNT].store(pair(count.wrapping_add(2), Self::SIZE as u32), Release);
    }
}

impl Recovery {
    /// Maps the status page read-only into the memory of a reader.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the mapping is writable or not one page long, [`ENODEV`] if user space does
    /// not have the function open, [`ENOMEM`].
    pub fn map_status(&self, vma: &VmaNew) -> Result {
        if vma.end() - vma.start() != PAGE_SIZE {
            return Err(EINVAL);
        }
        vma.try_clear_maywrite()?;
        vma.set_dontexpand();
        vma.set_mixedmap()
            .vm_insert_page(vma.start(), &self.status()?.0)
    }

    /// Returns the session's status page. The first call in a session makes the page.
    fn status(&self) -> Result<Arc<StatusPage>> {
        let new = Arc::new(StatusPage::new()?, GFP_KERNEL)?;
        let mut session = self.locked();
        let status = Option::as_mut(&mut session).map(|open| {
            let status = open.status.get_or_insert_with(|| {
                new.publish(&open.session);
                new.clone()
            });

            status.clone()
        });

        // Release the session lock before `new` is dropped: dropping `new` may free a page, which
        // takes other locks, and no lock may be taken under the session lock.
        drop(session);
        status.ok_or(ENODEV)
    }
}

#[cfg(CONFIG_VFIO_PCI_ZDEV_RUST)]
crate::static_assert!(
    StatusPage::SIZE == size_of::<bindings::vfio_device_zpci_err_status>()
        && size_of::<Words>() == StatusPage::SIZE
);
