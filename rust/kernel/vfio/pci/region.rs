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

/// A region of a device, in addition to the device's BARs and config space.
///
/// User space finds the region by its vendor and subtype, and can read all of the region. User
/// space can map only the bytes in [`Region::MAPPABLE`].
///
/// # Examples
///
/// A region of four bytes, which say how often the region has been read:
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
/// /// The caller must be opening the device.
/// unsafe fn open(device: &CoreDevice) -> Result {
///     let data = Arc::new(ReadCount(Atomic::new(0)), GFP_KERNEL)?;
///
///     // SAFETY: By the caller's promise the device is being opened.
///     unsafe { device.register_region::<ReadCount>(data) }
/// }
/// ```
pub trait Region: Sized + 'static {
    /// The PCI vendor ID of the region. Each vendor numbers its own subtypes.
    const VENDOR: u16;

    /// The subtype, which tells the regions of one vendor apart.
    const SUBTYPE: u32;

    /// The length of the region, in bytes.
    const SIZE: usize;

    /// The bytes of the region that user space can map: whole pages, or none.
    const MAPPABLE: Range<usize> = 0..0;

    /// The type of the region's data. The data is freed when the device is closed.
    type Data: ForeignOwnable + Send + Sync + 'static;

    /// Reads `len` bytes of the region, from byte `at` on, into the reader's memory: all of these
    /// bytes, or none. The caller guarantees that the bytes are inside of the region, and that
    /// `len` is not 0.
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

    /// Maps all bytes in [`Region::MAPPABLE`] into the memory of the calling program.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the region cannot be mapped or the region refuses this mapping, or another
    /// error of the region.
    fn map(_data: <Self::Data as ForeignOwnable>::Borrowed<'_>, _vma: &VmaNew) -> Result {
        Err(EINVAL)
    }
}

/// The capability that tells user space which bytes of a region can be mapped: a `struct
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

/// The callbacks of a [`Region`] that vfio-pci-core calls.
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
    /// `vdev` and `ppos` must be valid. vfio-pci-core must have found this region by the region's
    /// index, which is in the upper bits of `*ppos`.
    unsafe extern "C" fn rw(
        vdev: *mut bindings::vfio_pci_core_device,
        buf: *mut c_char,
        count: usize,
        ppos: *mut bindings::loff_t,
        iswrite: bool,
    ) -> isize {
        from_result(|| {
            // SAFETY: By the caller's promise `ppos` is valid. CAST: vfio-pci-core treats the
            // offset as unsigned, too.
            let offset = unsafe { *ppos } as u64;
            // CAST: The index of a region is small, the offset in a region has 40 bits, and `usize`
            // has 64.
            let region = (offset >> bindings::VFIO_PCI_OFFSET_SHIFT) as usize;
            let at = (offset & ((1 << bindings::VFIO_PCI_OFFSET_SHIFT) - 1)) as usize;

            if iswrite || count == 0 || at.checked_add(count).is_none_or(|end| end > R::SIZE) {
                return Err(EINVAL);
            }
            // SAFETY: By the caller's promise `vdev` is valid. Its array of regions does not change
            // while the device is open, and vfio-pci-core has found this region in that array.
            let data = unsafe {
                (*(*vdev)
                    .region
                    .add(region - bindings::VFIO_PCI_NUM_REGIONS as usize))
                .data
            };

            // SAFETY: `register_region` has stored the data. `release` frees the data when the last
            // file of the device is closed, and here a file that is still open is being read.
            let data = unsafe { R::Data::borrow(data) };

            R::read(data, at, UserPtr::from_ptr(buf.cast()), count)?;
            // SAFETY: By the caller's promise `ppos` is valid. CAST: The region is far shorter than
            // the range of `loff_t`.
            unsafe { *ppos += count as bindings::loff_t };
            // CAST: The region is far shorter than the range of `isize`.
            Ok(count as isize)
        })
    }

    /// # Safety
    ///
    /// `region` must be valid and must have been added by `register_region`. mmap() must be setting
    /// up `vma` for a part of the region.
    unsafe extern "C" fn mmap(
        _vdev: *mut bindings::vfio_pci_core_device,
        region: *mut bindings::vfio_pci_region,
        vma: *mut bindings::vm_area_struct,
    ) -> c_int {
        from_result(|| {
            // SAFETY: By the caller's promise `vma` is valid.
            let page = unsafe { (*vma).vm_pgoff };
            let at = page % (1 << (bindings::VFIO_PCI_OFFSET_SHIFT as usize - PAGE_SHIFT));
            // SAFETY: By the caller's promise mmap() is still setting up `vma`.
            let vma = unsafe { VmaNew::from_raw(vma) };

            if at << PAGE_SHIFT != R::MAPPABLE.start || vma.end() - vma.start() != R::MAPPABLE.len()
            {
                return Err(EINVAL);
            }
            // SAFETY: `register_region` has stored the data. `release` frees the data when the last
            // file of the device is closed, and here a file that is still open is being mapped.
            R::map(unsafe { R::Data::borrow((*region).data) }, vma)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// `region` must be valid, and `caps` must be a valid chain of capabilities that only this call
    /// uses.
    unsafe extern "C" fn add_capability(
        _vdev: *mut bindings::vfio_pci_core_device,
        region: *mut bindings::vfio_pci_region,
        caps: *mut bindings::vfio_info_cap,
    ) -> c_int {
        // SAFETY: By the caller's promise `region` is valid.
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

        // SAFETY: By the caller's promise only this call uses `caps`. The capability begins with
        // its header and has no padding.
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
    /// `region` must be valid and must have been added by `register_region`. Nobody may use the
    /// region afterwards.
    unsafe extern "C" fn release(
        _vdev: *mut bindings::vfio_pci_core_device,
        region: *mut bindings::vfio_pci_region,
    ) {
        // SAFETY: `register_region` has stored the data, and by the caller's promise nobody uses
        // the data any more.
        drop(unsafe { R::Data::from_foreign((*region).data) });
    }
}

impl CoreDevice {
    /// Adds a region to the device. vfio-pci-core removes the region when the device is closed, or
    /// when opening the device fails.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] if there is no memory; `data` is then freed.
    ///
    /// # Safety
    ///
    /// The caller must be opening the device, so that nobody else uses the device's regions.
    #[inline]
    pub unsafe fn register_region<R: Region>(&self, data: R::Data) -> Result {
        let vdev = self.as_raw();
        let data = data.into_foreign();
        let mut flags = bindings::VFIO_REGION_INFO_FLAG_READ;

        // Do not offer a mapping if the driver has no operation `mmap`: mmap() would fail. An
        // example is ism-vfio-pci.
        // SAFETY: By the type invariant the device is valid. The operations of its driver are
        // constant.
        if !R::MAPPABLE.is_empty() && unsafe { (*(*vdev).vdev.ops).mmap.is_some() } {
            flags |= bindings::VFIO_REGION_INFO_FLAG_MMAP;
        }
        // SAFETY: By the type invariant the device is valid, and by the caller's promise nobody
        // else uses its regions. The region's operations are constant, and match the type of the
        // data.
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
            // SAFETY: vfio-pci-core has refused the region, so nobody else has the data.
            drop(unsafe { R::Data::from_foreign(data) })
        })
    }
}
