// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::vfio`.

pub(crate) mod pci {
    use crate::{
        mm::virt::VmaNew,
        pci::Device,
        prelude::*,
        sync::aref::ARef,
        uaccess::UserPtr,
        zpci, //
    };
    use std::ops::Range;

    /// A device that user space drives.
    pub(crate) struct CoreDevice {
        zdev: ARef<zpci::Device>,
        guest: bool,
    }

    impl CoreDevice {
        pub(crate) fn new(zdev: &ARef<zpci::Device>, guest: bool) -> Self {
            Self {
                zdev: zdev.clone(),
                guest,
            }
        }

        pub(crate) fn pdev(&self) -> &Device {
            self.zdev.device()
        }

        pub(crate) fn kvm(&self) -> Option<Kvm> {
            self.guest.then_some(Kvm)
        }

        pub(crate) fn reset_works(&self) -> bool {
            true
        }

        pub(crate) fn has_error_eventfd(&self) -> bool {
            self.zdev.has_eventfd()
        }

        pub(crate) fn signal_error(&self) {
            self.zdev.signal();
        }

        pub(crate) fn block_memory(&self) -> MemoryGuard<'_> {
            crate::sync::may_sleep();
            MemoryGuard(self)
        }
    }

    #[derive(Clone, Copy)]
    pub(crate) struct Kvm;

    impl zpci::StateGuard<'_> {
        pub(crate) fn register_kvm(&self, _kvm: Kvm) -> Result {
            Ok(())
        }
    }

    impl zpci::Device {
        pub(crate) fn unregister_kvm(&self, _state: Option<&zpci::StateGuard<'_>>) {}
    }

    pub(crate) struct MemoryGuard<'a>(&'a CoreDevice);

    impl MemoryGuard<'_> {
        pub(crate) fn power_on(&self) {
            // The function is there until memory can be accessed again.
            let _ = self.0.pdev();
        }
    }

    pub(crate) struct Transition<'a>(pub(crate) &'a CoreDevice);

    impl<'a> Transition<'a> {
        pub(crate) fn device(&self) -> &'a CoreDevice {
            self.0
        }

        pub(crate) fn register_region<R: Region>(&self, _data: R::Data) -> Result {
            assert_eq!(R::TYPE, RegionType(0x1014, 2));
            assert!(!R::WRITABLE);
            assert_eq!(R::MAPPABLE.map(|pages| pages.end), Some(R::SIZE));
            Ok(())
        }

        pub(crate) fn unregister_last_region<R: Region>(&self) {}
    }

    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct RegionType(u16, u32);

    impl RegionType {
        pub(crate) const fn vendor(vendor: u16, subtype: u32) -> Self {
            Self(vendor, subtype)
        }
    }

    pub(crate) trait Region {
        const TYPE: RegionType;
        const SIZE: usize;
        const WRITABLE: bool;
        const MAPPABLE: Option<Range<usize>>;
        type Data;

        fn read(zdev: &zpci::Device, at: usize, to: UserPtr, len: usize) -> Result;

        #[expect(dead_code, reason = "mapping has no model")]
        fn map(zdev: &zpci::Device, vma: &VmaNew) -> Result;
    }
}
