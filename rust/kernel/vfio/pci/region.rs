// SPDX-License-Identifier: GPL-2.0-only

//! Regions that a driver adds to a PCI device, to give user space more than BARs and config space.

use super::CoreDevice;
use crate::{
    bindings,
    error::{
        from_result,
        to_result, //
    },
    mm::virt::VmaNew,
    page::PAGE_SHIFT,
    prelude::*,
    types::ForeignOwnable,
    uaccess::UserPtr, //
};

use core::ops::Range;

/// A region of a device, beside its BARs and its config space.
///
/// User space finds the region by vendor and subtype, and can read the region. User space can map
/// the bytes in [`Region::MAPPABLE`].
///
/// # Examples
///
/// A region of four bytes that says how often it has been read:
///
/// ```
/// use kernel::{
///     prelude::*,
///     sync::{atomic::{Atomic, Relaxed}, Arc, ArcBorrow},
///     uaccess::{UserPtr, UserSlice},
///     vfio::pci::{CoreDevice, Region},
/// };
///
/// struct ReadCount(Atomic<u32>);
///
/// impl Region for ReadCount {
///     const VENDOR: u16 = 0x1014;
///     const SUBTYPE: u32 = 0x7e57;
///     const SIZE: usize = 4;
///     type Data = Arc<ReadCount>;
///
///     fn read(count: ArcBorrow<'_, Self>, at: usize, to: UserPtr, len: usize) -> Result {
///         let bytes = count.0.fetch_add(1, Relaxed).to_ne_bytes();
///
///         UserSlice::new(to, len).writer().write_slice(&bytes[at..at + len])
///     }
/// }
///
/// /// # Safety
/// ///
/// /// The device is being opened.
/// unsafe fn open(device: &CoreDevice) -> Result {
///     let data = Arc::new(ReadCount(Atomic::new(0)), GFP_KERNEL)?;
///
///     // SAFETY: By the caller's promise.
///     unsafe { device.register_region::<ReadCount>(data) }
/// }
/// ```
pub trait Region: Sized + 'static {
    /// The PCI vendor ID; each vendor numbers its own subtypes.
    const VENDOR: u16;

    /// Tells the regions of one vendor apart.
    const SUBTYPE: u32;

    /// Length of the region, in bytes.
    const SIZE: usize;

    /// The bytes of the region that can be mapped: whole pages, or none.
    const MAPPABLE: Range<usize> = 0..0;

    /// The type of the region's data. The data is freed when the device is closed.
    type Data: ForeignOwnable + Send + Sync + 'static;

    /// Reads `len` bytes of the region from byte `at` on, all of them or none. The range lies
    /// inside of the region and is not empty.
    ///
    /// # Errors
    ///
    /// [`EFAULT`] if the reader's memory cannot be written to, or another error of the region.
    fn read(
        data: <Self::Data as ForeignOwnable>::Borrowed<'_>,
        at: usize,
        to: UserPtr,
        len: usize,
    ) -> Result;

    /// Maps all bytes in [`Region::MAPPABLE`].
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the region cannot be mapped or the mapping is not allowed, or another error of
    /// the region.
    fn map(_data: <Self::Data as ForeignOwnable>::Borrowed<'_>, _vma: &VmaNew) -> Result {
        Err(EINVAL)
    }
}

/// The capability that tells user space the mappable bytes of a region: a `struct
/// vfio_region_info_cap_sparse_mmap` with one area.
#[repr(C)]
struct SparseMmap {
    header: bindings::vfio_info_cap_header,
    areas: u32,
    reserved: u32,
    area: bindings::vfio_region_sparse_mmap_area,
}

crate::static_assert!(
    core::mem::offset_of!(SparseMmap, area)
        == size_of::<bindings::vfio_region_info_cap_sparse_mmap>()
);

/// The C callbacks of a [`Region`].
struct Adapter<R: Region>(core::marker::PhantomData<R>);

impl<R: Region> Adapter<R> {
    const OPS: bindings::vfio_pci_regops = bindings::vfio_pci_regops {
        rw: Some(Self::rw),
        release: Some(Self::release),
        mmap: Some(Self::mmap),
        add_capability: Some(Self::add_capability),
    };

    /// # Safety
    ///
    /// `vdev` and `ppos` are valid. The core has found this region by the index in the upper bits
    /// of `*ppos`.
    unsafe extern "C" fn rw(
        vdev: *mut bindings::vfio_pci_core_device,
        buf: *mut c_char,
        count: usize,
        ppos: *mut bindings::loff_t,
        iswrite: bool,
    ) -> isize {
        from_result(|| {
            // SAFETY: `ppos` is valid. CAST: The core treats it as unsigned, too.
            let offset = unsafe { *ppos } as u64;
            // CAST: The index is small, the offset has 40 bits, and `usize` has 64.
            let region = (offset >> bindings::VFIO_PCI_OFFSET_SHIFT) as usize;
            let at = (offset & ((1 << bindings::VFIO_PCI_OFFSET_SHIFT) - 1)) as usize;

            if iswrite || count == 0 || at.checked_add(count).is_none_or(|end| end > R::SIZE) {
                return Err(EINVAL);
            }
            // SAFETY: The device is valid and open, so its array of regions does not change. The
            // core has found this region in that array.
            let data = unsafe {
                (*(*vdev)
                    .region
                    .add(region - bindings::VFIO_PCI_NUM_REGIONS as usize))
                .data
            };

            // SAFETY: `register_region` has stored the data, and `release` has not freed it yet.
            let data = unsafe { R::Data::borrow(data) };

            R::read(data, at, UserPtr::from_ptr(buf.cast()), count)?;
            // SAFETY: `ppos` is valid. CAST: The region is far smaller than the range.
            unsafe { *ppos += count as bindings::loff_t };
            // CAST: The region is far smaller than the range of `isize`.
            Ok(count as isize)
        })
    }

    /// # Safety
    ///
    /// `region` is valid and was added by `register_region`, and `vma` is being set up for a part
    /// of it.
    unsafe extern "C" fn mmap(
        _vdev: *mut bindings::vfio_pci_core_device,
        region: *mut bindings::vfio_pci_region,
        vma: *mut bindings::vm_area_struct,
    ) -> c_int {
        from_result(|| {
            // SAFETY: `vma` is valid.
            let page = unsafe { (*vma).vm_pgoff };
            let at = page % (1 << (bindings::VFIO_PCI_OFFSET_SHIFT as usize - PAGE_SHIFT));
            // SAFETY: The caller of mmap() is setting `vma` up.
            let vma = unsafe { VmaNew::from_raw(vma) };

            if at << PAGE_SHIFT != R::MAPPABLE.start || vma.end() - vma.start() != R::MAPPABLE.len()
            {
                return Err(EINVAL);
            }
            // SAFETY: `register_region` has stored the data, and `release` has not freed it yet.
            R::map(unsafe { R::Data::borrow((*region).data) }, vma)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// `region` is valid, and `caps` is a valid chain that only this call uses.
    unsafe extern "C" fn add_capability(
        _vdev: *mut bindings::vfio_pci_core_device,
        region: *mut bindings::vfio_pci_region,
        caps: *mut bindings::vfio_info_cap,
    ) -> c_int {
        // SAFETY: By the caller's promise.
        if unsafe { (*region).flags } & bindings::VFIO_REGION_INFO_FLAG_MMAP == 0 {
            return 0;
        }
        let mut capability = SparseMmap {
            header: bindings::vfio_info_cap_header {
                // CAST: The capability's ID has 16 bits.
                id: bindings::VFIO_REGION_INFO_CAP_SPARSE_MMAP as u16,
                version: 1,
                next: 0,
            },
            areas: 1,
            reserved: 0,
            // CAST: `usize` has 64 bits.
            area: bindings::vfio_region_sparse_mmap_area {
                offset: R::MAPPABLE.start as u64,
                size: R::MAPPABLE.len() as u64,
            },
        };

        // SAFETY: By the caller's promise. The capability begins with its header and has no
        // padding.
        unsafe {
            bindings::vfio_info_add_capability(
                caps,
                (&raw mut capability).cast(),
                size_of::<SparseMmap>(),
            )
        }
    }

    /// # Safety
    ///
    /// `region` is valid, was added by `register_region`, and is not used afterwards.
    unsafe extern "C" fn release(
        _vdev: *mut bindings::vfio_pci_core_device,
        region: *mut bindings::vfio_pci_region,
    ) {
        // SAFETY: `register_region` has stored the data, and nobody else uses it any more.
        drop(unsafe { R::Data::from_foreign((*region).data) });
    }
}

impl CoreDevice {
    /// Adds a region. The core removes the region when the device is closed or its opening fails.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`]; `data` is then freed.
    ///
    /// # Safety
    ///
    /// Must be called while the device is being opened, when nobody else uses its regions.
    #[inline]
    pub unsafe fn register_region<R: Region>(&self, data: R::Data) -> Result {
        let vdev = self.as_raw();
        let data = data.into_foreign();
        let mut flags = bindings::VFIO_REGION_INFO_FLAG_READ;

        // A driver without `mmap`, such as ism-vfio-pci, must not offer a mapping.
        // SAFETY: By the type invariant the device is valid, and its operations are constant.
        if !R::MAPPABLE.is_empty() && unsafe { (*(*vdev).vdev.ops).mmap.is_some() } {
            flags |= bindings::VFIO_REGION_INFO_FLAG_MMAP;
        }
        // SAFETY: The device is valid, and nobody else uses its regions by the caller's promise.
        // The operations are constant, and match the data.
        to_result(unsafe {
            bindings::vfio_pci_core_register_dev_region(
                vdev,
                bindings::VFIO_REGION_TYPE_PCI_VENDOR_TYPE | u32::from(R::VENDOR),
                R::SUBTYPE,
                &const { Adapter::<R>::OPS },
                R::SIZE,
                flags,
                data,
            )
        })
        .inspect_err(|_| {
            // SAFETY: The core has refused the region, so the data is still ours.
            drop(unsafe { R::Data::from_foreign(data) })
        })
    }
}
