// SPDX-License-Identifier: MIT OR Apache-2.0

//! Descriptions of a device: structures with a chain of capabilities behind them.

use vfio_bindings::bindings::vfio::{
    VFIO_DEVICE_FLAGS_CAPS, VFIO_DEVICE_INFO_CAP_ZPCI_BASE, VFIO_REGION_INFO_CAP_SPARSE_MMAP,
    VFIO_REGION_INFO_CAP_TYPE, VFIO_REGION_INFO_FLAG_CAPS, VFIO_REGION_INFO_FLAG_MMAP,
};

/// Length of `struct vfio_device_info` and `struct vfio_region_info` before their chains.
pub(crate) const DEVICE_INFO_SIZE: usize = 24;
pub(crate) const REGION_INFO_SIZE: usize = 32;

/// An information structure and its chain, as the kernel returns them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Info(pub(crate) Vec<u8>);

impl Info {
    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    pub(crate) fn u16(&self, at: usize) -> Option<u16> {
        self.bytes(at).map(u16::from_ne_bytes)
    }

    pub(crate) fn u32(&self, at: usize) -> Option<u32> {
        self.bytes(at).map(u32::from_ne_bytes)
    }

    pub(crate) fn u64(&self, at: usize) -> Option<u64> {
        self.bytes(at).map(u64::from_ne_bytes)
    }

    /// Finds the capability with an ID; `first` is the offset of the first one.
    fn capability(&self, first: u32, id: u32) -> Option<usize> {
        let mut at = first as usize;

        while at != 0 {
            if u32::from(self.u16(at)?) == id {
                return Some(at);
            }
            // Offsets only grow: in a broken chain this loop would not end otherwise.
            let next = self.u32(at + 4)? as usize;
            if next <= at {
                break;
            }
            at = next;
        }
        None
    }
}

/// The parts of a `struct vfio_device_info` that are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeviceInfo {
    pub(crate) regions: u32,
    /// The first address that the function may use for DMA.
    pub(crate) dma_start: Option<u64>,
    pub(crate) function_handle: Option<u32>,
    /// Length of an event that the error feature returns.
    pub(crate) ccdf_length: Option<u32>,
}

impl DeviceInfo {
    pub(crate) fn read(info: &Info) -> Option<Self> {
        let mut device = Self {
            regions: info.u32(8)?,
            ..Self::default()
        };
        if info.u32(4)? & VFIO_DEVICE_FLAGS_CAPS == 0 {
            return Some(device);
        }
        if let Some(base) = info.capability(info.u32(16)?, VFIO_DEVICE_INFO_CAP_ZPCI_BASE) {
            let version = info.u16(base + 2)?;

            device.dma_start = info.u64(base + 8);
            // Version 3 uses bytes that were padding in version 2, so the version must be checked.
            device.function_handle = info.u32(base + 32).filter(|_| version >= 2);
            device.ccdf_length = info.u32(base + 36).filter(|_| version >= 3);
        }
        Some(device)
    }
}

/// The parts of a `struct vfio_region_info` that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RegionInfo {
    pub(crate) size: u64,
    pub(crate) offset: u64,
    /// Type and subtype; only regions without a fixed index have them.
    pub(crate) kind: Option<(u32, u32)>,
    /// Offset and length of the part that can be mapped, if there is exactly one.
    pub(crate) mappable: Option<(u64, u64)>,
}

impl RegionInfo {
    pub(crate) fn read(info: &Info) -> Option<Self> {
        let mut region = Self {
            size: info.u64(16)?,
            offset: info.u64(24)?,
            kind: None,
            mappable: None,
        };
        let flags = info.u32(4)?;

        if flags & VFIO_REGION_INFO_FLAG_CAPS != 0 {
            let first = info.u32(12)?;

            region.kind = info
                .capability(first, VFIO_REGION_INFO_CAP_TYPE)
                .and_then(|at| Some((info.u32(at + 8)?, info.u32(at + 12)?)));
            region.mappable = info
                .capability(first, VFIO_REGION_INFO_CAP_SPARSE_MMAP)
                .filter(|&at| {
                    flags & VFIO_REGION_INFO_FLAG_MMAP != 0 && info.u32(at + 8) == Some(1)
                })
                .and_then(|at| Some((info.u64(at + 16)?, info.u64(at + 24)?)));
        }
        Some(region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vfio_bindings::bindings::vfio::{vfio_device_info, vfio_region_info};

    fn capability(id: u16, version: u16, next: u32, body: &[u8]) -> Vec<u8> {
        let mut cap = id.to_ne_bytes().to_vec();

        cap.extend(version.to_ne_bytes());
        cap.extend(next.to_ne_bytes());
        cap.extend(body);
        cap
    }

    fn device(version: u16) -> Info {
        let mut info: Vec<u8> = [0, VFIO_DEVICE_FLAGS_CAPS, 10, 5, 24, 0]
            .iter()
            .flat_map(|word: &u32| word.to_ne_bytes())
            .collect();
        let mut base = 0x1_0000_0000_u64.to_ne_bytes().to_vec();

        base.extend([0; 16]);
        base.extend(0x8002_0000_u32.to_ne_bytes());
        base.extend(32_u32.to_ne_bytes());
        info.extend(capability(3, 1, 40, &[0; 8]));
        info.extend(capability(1, version, 0, &base));
        Info(info)
    }

    #[test]
    fn sizes_are_those_of_the_bindings() {
        assert_eq!(DEVICE_INFO_SIZE, size_of::<vfio_device_info>());
        assert_eq!(REGION_INFO_SIZE, size_of::<vfio_region_info>());
    }

    #[test]
    fn the_base_capability_is_read_as_far_as_its_version_goes() {
        let read = |version| DeviceInfo::read(&device(version)).unwrap();

        assert_eq!(read(3).regions, 10);
        assert_eq!(read(1).dma_start, Some(0x1_0000_0000));
        assert_eq!(read(1).function_handle, None);
        assert_eq!(read(2).function_handle, Some(0x8002_0000));
        assert_eq!(read(2).ccdf_length, None);
        assert_eq!(read(3).ccdf_length, Some(32));
    }

    #[test]
    fn a_region_has_its_type() {
        let flags = VFIO_REGION_INFO_FLAG_CAPS | VFIO_REGION_INFO_FLAG_MMAP;
        let mut info: Vec<u8> = [0, flags, 9, 32]
            .iter()
            .flat_map(|word: &u32| word.to_ne_bytes())
            .collect();

        info.extend(8192_u64.to_ne_bytes());
        info.extend(0x90_0000_0000_u64.to_ne_bytes());
        info.extend(capability(
            2,
            1,
            48,
            &[0x8000_1014_u32.to_ne_bytes(), 2_u32.to_ne_bytes()].concat(),
        ));
        info.extend(capability(
            1,
            1,
            0,
            &[
                1_u32.to_ne_bytes().as_slice(),
                &[0; 4],
                &4096_u64.to_ne_bytes(),
                &4096_u64.to_ne_bytes(),
            ]
            .concat(),
        ));
        assert_eq!(
            RegionInfo::read(&Info(info)),
            Some(RegionInfo {
                size: 8192,
                offset: 0x90_0000_0000,
                kind: Some((0x8000_1014, 2)),
                mappable: Some((4096, 4096)),
            })
        );
    }

    #[test]
    fn a_chain_that_goes_back_ends() {
        let mut info = device(3);

        // The second capability points back at the first one.
        info.0[44..48].copy_from_slice(&24_u32.to_ne_bytes());
        assert_eq!(info.capability(24, 99), None);
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes: Vec<u8>, first: u32) {
            let info = Info(bytes);

            let _ = (DeviceInfo::read(&info), RegionInfo::read(&info));
            let _ = info.capability(first, 1);
        }
    }
}
