// SPDX-License-Identifier: GPL-2.0-only

//! What user space is told of a function that it drives, in capabilities of its device.
//!
//! C header: [`include/uapi/linux/vfio_zdev.h`](srctree/include/uapi/linux/vfio_zdev.h)

use super::{
    Ccdf,
    Device, //
};
use crate::bindings;

impl Device {
    /// The capability that [`Device::utility_string`] goes into.
    // CAST: Capability IDs have 16 bits.
    pub const UTILITY_STRING_CAPABILITY: u16 = bindings::VFIO_DEVICE_INFO_CAP_ZPCI_UTIL as u16;

    /// The capability that [`Device::function_path`] goes into.
    // CAST: As above.
    pub const FUNCTION_PATH_CAPABILITY: u16 = bindings::VFIO_DEVICE_INFO_CAP_ZPCI_PFIP as u16;

    /// Fills in what is known of the function itself, in version 3 of its capability.
    pub fn base_capability(&self, cap: &mut bindings::vfio_device_info_cap_zpci_base) {
        // CAST: Capability IDs have 16 bits, and an event has 32 bytes.
        cap.header.id = bindings::VFIO_DEVICE_INFO_CAP_ZPCI_BASE as u16;
        cap.header.version = 3;
        cap.fh = self.fh().as_raw();
        cap.ccdf_err_length = Ccdf::SIZE as u32;
        // SAFETY: By the type invariant the function is valid. What is read does not change while
        // the function has its PCI device.
        unsafe {
            let zdev = self.as_raw();

            cap.start_dma = (*zdev).start_dma;
            cap.end_dma = (*zdev).end_dma;
            cap.pchid = (*zdev).pchid;
            cap.vfn = (*zdev).vfn;
            cap.fmb_length = (*zdev).fmb_length;
            cap.pft = (*zdev).pft;
            cap.gid = (*zdev).pfgid;
        }
    }

    /// Fills in what is known of the function's group, in version 2 of its capability.
    pub fn group_capability(&self, cap: &mut bindings::vfio_device_info_cap_zpci_group) {
        // CAST: Capability IDs and the numbers of interrupts and of bytes have 16 bits.
        cap.header.id = bindings::VFIO_DEVICE_INFO_CAP_ZPCI_GROUP as u16;
        cap.header.version = 2;
        cap.flags = bindings::VFIO_DEVICE_INFO_ZPCI_FLAG_REFRESH.into();
        cap.maxstbl = bindings::ZPCI_MAX_WRITE_SIZE as u16;
        // SAFETY: By the type invariant the function is valid. What is read does not change while
        // the function has its PCI device, but for the interval, which is a number that is read at
        // once.
        unsafe {
            let zdev = self.as_raw();

            cap.dasm = (*zdev).dma_mask;
            cap.msi_addr = (*zdev).msi_addr;
            cap.mui = (*zdev).fmb_update;
            cap.noi = (*zdev).max_msi as u16;
            cap.version = (*zdev).version;
            cap.imaxstbl = (*zdev).maxstbl;
        }
    }

    /// Returns the function's utility string, if it has one.
    pub fn utility_string(&self) -> Option<[u8; bindings::CLP_UTIL_STR_LEN as usize]> {
        // SAFETY: By the type invariant the function is valid; both are copied.
        unsafe { ((*self.as_raw()).util_str_avail() != 0).then(|| (*self.as_raw()).util_str) }
    }

    /// Returns the function's internal path.
    pub fn function_path(&self) -> [u8; bindings::CLP_PFIP_NR_SEGMENTS as usize] {
        // SAFETY: By the type invariant the function is valid; the path is copied.
        unsafe { (*self.as_raw()).pfip }
    }
}
