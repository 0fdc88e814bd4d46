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
        guest: Option<Kvm>,
    }

    impl CoreDevice {
        pub(crate) fn new(zdev: &ARef<zpci::Device>, guest: bool) -> Self {
            Self {
                zdev: zdev.clone(),
                guest: guest.then_some(Kvm),
            }
        }

        pub(crate) fn pdev(&self) -> &Device {
            self.zdev.device()
        }

        pub(crate) fn kvm(&self) -> Option<&Kvm> {
            self.guest.as_ref()
        }

        pub(crate) fn has_error_eventfd(&self) -> bool {
            self.zdev.has_eventfd()
        }

        pub(crate) fn signal_error(&self) {
            self.zdev.signal();
        }
    }

    pub(crate) struct Kvm;

    impl zpci::StateGuard<'_> {
        pub(crate) fn register_kvm(&self, _kvm: &Kvm) -> Result {
            Ok(())
        }
    }

    impl zpci::Device {
        pub(crate) fn unregister_kvm(&self, state: Option<&zpci::StateGuard<'_>>) {
            if state.is_none() {
                log("Taken from its machine without a lock".into());
            }
        }
    }

    pub(crate) trait Region {
        #[expect(dead_code, reason = "regions have no model")]
        const VENDOR: u16;
        #[expect(dead_code, reason = "regions have no model")]
        const SUBTYPE: u32;
        #[expect(dead_code, reason = "regions have no model")]
        const SIZE: usize;
        const MAPPABLE: Range<usize>;
        type Data;

        fn read(zdev: &zpci::Device, at: usize, to: UserPtr, len: usize) -> Result;

        #[expect(dead_code, reason = "mapping has no model")]
        fn map(zdev: &zpci::Device, vma: &VmaNew) -> Result;
    }
}
