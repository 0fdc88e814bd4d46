// SPDX-License-Identifier: GPL-2.0-only

//! Regions that a driver adds to those of a PCI device.

use super::Transition;
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
    uaccess::UserPtr,
    vfio::info::CapabilityChain,
};

use core::ops::Range;

/// How user space recognizes a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionType {
    /// `VFIO_REGION_TYPE_*`, or a vendor's number.
    kind: u32,
    /// The subtype, in the range of `kind`.
    subtype: u32,
}

impl RegionType {
    /// A type of which a PCI vendor hands out the subtypes.
    pub const fn vendor(vendor: u16, subtype: u32) -> Self {
        Self {
            // CAST: Widening only.
            kind: bindings::VFIO_REGION_TYPE_PCI_VENDOR_TYPE | vendor as u32,
            subtype,
        }
    }
}

/// A region of a device, beside its BARs and its config space.
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
///     vfio::pci::{Region, RegionType, Transition},
/// };
///
/// struct ReadCount(Atomic<u32>);
///
/// impl Region for ReadCount {
///     const TYPE: RegionType = RegionType::vendor(0x1014, 0x7e57);
///     const SIZE: usize = 4;
///     const WRITABLE: bool = false;
///     type Data = Arc<ReadCount>;
///
///     fn read(count: ArcBorrow<'_, Self>, at: usize, to: UserPtr, len: usize) -> Result {
///         let bytes = count.0.fetch_add(1, Relaxed).to_ne_bytes();
///
///         UserSlice::new(to, len).writer().write_slice(&bytes[at..at + len])
///     }
/// }
///
/// fn open(vdev: &Transition<'_>) -> Result {
///     let data = Arc::new(ReadCount(Atomic::new(0)), GFP_KERNEL)?;
///
///     vdev.register_region::<ReadCount>(data)
/// }
/// ```
pub trait Region: Sized + 'static {
    /// How user space recognizes the region.
    const TYPE: RegionType;

    /// Length of the region, in bytes.
    const SIZE: usize;

    /// Whether user space may write to it.
    const WRITABLE: bool;

    /// Which bytes of the region can be mapped: whole pages.
    const MAPPABLE: Option<Range<usize>> = None;

    /// What the region owns. It is freed when the device is closed.
    type Data: ForeignOwnable + Send + Sync + 'static;

    /// Reads `len` bytes of the region from byte `at` on, all of them or none. The range lies
    /// inside of the region and is not empty.
    ///
    /// # Errors
    ///
    /// [`EFAULT`] if the reader's memory cannot be written to, or others of the region's own.
    fn read(
        data: <Self::Data as ForeignOwnable>::Borrowed<'_>,
        at: usize,
        to: UserPtr,
        len: usize,
    ) -> Result;

    /// Writes to the region, like [`Region::read`].
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the region cannot be written to, or others of the region's own.
    fn write(
        _data: <Self::Data as ForeignOwnable>::Borrowed<'_>,
        _at: usize,
        _from: UserPtr,
        _len: usize,
    ) -> Result {
        Err(EINVAL)
    }

    /// Maps the bytes that are [`Region::MAPPABLE`], all of them.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the region cannot be mapped, or not like this, or others of the region's own.
    fn map(_data: <Self::Data as ForeignOwnable>::Borrowed<'_>, _vma: &VmaNew) -> Result {
        Err(EINVAL)
    }
}

/// The C side of a [`Region`].
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
    /// `vdev` and `ppos` are valid. The core has found this region by the index in `*ppos`, which
    /// is encoded in the core's own way.
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
            let index = (offset >> bindings::VFIO_PCI_OFFSET_SHIFT)
                .checked_sub(bindings::VFIO_PCI_NUM_REGIONS.into())
                .ok_or(EINVAL)?;
            // CAST: The result has 40 bits, as has `usize` on each machine that the core is for.
            let at = (offset & ((1 << bindings::VFIO_PCI_OFFSET_SHIFT) - 1)) as usize;

            if count == 0 || at.checked_add(count).is_none_or(|end| end > R::SIZE) {
                return Err(EINVAL);
            }
            // SAFETY: The device is valid and open, so that its regions do not change, and the
            // core has checked the index.
            let data = unsafe { (*(*vdev).region.add(index as usize)).data };
            // SAFETY: The data is that of `register_region`, and stays until `release`.
            let data = unsafe { R::Data::borrow(data) };
            let user = UserPtr::from_ptr(buf.cast());

            if iswrite {
                R::write(data, at, user, count)?;
            } else {
                R::read(data, at, user, count)?;
            }
            // SAFETY: `ppos` is valid. CAST: The region is far smaller than the range.
            unsafe { *ppos += count as bindings::loff_t };
            // CAST: As above.
            Ok(count as isize)
        })
    }

    /// # Safety
    ///
    /// `region` is valid, one of `register_region`, and `vma` is being set up for a part of it.
    unsafe extern "C" fn mmap(
        _vdev: *mut bindings::vfio_pci_core_device,
        region: *mut bindings::vfio_pci_region,
        vma: *mut bindings::vm_area_struct,
    ) -> c_int {
        from_result(|| {
            let mappable = R::MAPPABLE.ok_or(EINVAL)?;
            // SAFETY: `vma` is valid.
            let page = unsafe { (*vma).vm_pgoff };
            let at = page % (1 << (bindings::VFIO_PCI_OFFSET_SHIFT as usize - PAGE_SHIFT));
            // SAFETY: `vma` is being set up.
            let vma = unsafe { VmaNew::from_raw(vma) };

            if at << PAGE_SHIFT != mappable.start || vma.end() - vma.start() != mappable.len() {
                return Err(EINVAL);
            }
            // SAFETY: The data is that of `register_region`, and stays until `release`.
            R::map(unsafe { R::Data::borrow((*region).data) }, vma)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// `caps` is a valid chain that nobody else uses meanwhile.
    unsafe extern "C" fn add_capability(
        _vdev: *mut bindings::vfio_pci_core_device,
        _region: *mut bindings::vfio_pci_region,
        caps: *mut bindings::vfio_info_cap,
    ) -> c_int {
        let Some(mappable) = R::MAPPABLE else {
            return 0;
        };
        // SAFETY: By the caller's promise.
        let caps = unsafe { CapabilityChain::from_raw(caps) };

        from_result(|| caps.add_sparse_mmap(mappable).map(|()| 0))
    }

    /// # Safety
    ///
    /// `region` is valid, one of `register_region`, and is not used afterwards.
    unsafe extern "C" fn release(
        _vdev: *mut bindings::vfio_pci_core_device,
        region: *mut bindings::vfio_pci_region,
    ) {
        // SAFETY: The data is that of `register_region`, and nobody uses it anymore.
        drop(unsafe { R::Data::from_foreign((*region).data) });
    }
}

impl Transition<'_> {
    /// Adds a region. It is there until the device is closed.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`]; the data is then freed.
    #[inline]
    pub fn register_region<R: Region>(&self, data: R::Data) -> Result {
        let data = data.into_foreign();
        let write = if R::WRITABLE {
            bindings::VFIO_REGION_INFO_FLAG_WRITE
        } else {
            0
        };
        let map = if R::MAPPABLE.is_some() {
            bindings::VFIO_REGION_INFO_FLAG_MMAP
        } else {
            0
        };

        // SAFETY: The device is valid, and nobody else uses its regions by the type invariant.
        // The operations are constant, and match the data.
        to_result(unsafe {
            bindings::vfio_pci_core_register_dev_region(
                self.device().as_raw(),
                R::TYPE.kind,
                R::TYPE.subtype,
                &const { Adapter::<R>::OPS },
                R::SIZE,
                bindings::VFIO_REGION_INFO_FLAG_READ | write | map,
                data,
            )
        })
        .inspect_err(|_| {
            // SAFETY: The core has not taken the data.
            drop(unsafe { R::Data::from_foreign(data) })
        })
    }

    /// Takes back the region that was added last, where opening the device fails after that. Does
    /// nothing if the core has released it already, as it does when it closes a device.
    #[inline]
    pub fn unregister_last_region<R: Region>(&self) {
        let vdev = self.device().as_raw();
        // SAFETY: The device is valid.
        let Some(last) = (unsafe { (*vdev).num_regions })
            .checked_sub(1)
            .filter(|&n| n >= 0)
        else {
            return;
        };
        // SAFETY: The device has more than `last` regions. CAST: Just checked to be positive.
        let region = unsafe { (*vdev).region.add(last as usize) };

        // SAFETY: The region is valid.
        if unsafe { ((*region).type_, (*region).subtype) } != (R::TYPE.kind, R::TYPE.subtype) {
            return;
        }
        // SAFETY: The region is valid, and was registered with operations that match its data,
        // whosever it is. It is forgotten below.
        unsafe {
            if let Some(release) = (*(*region).ops).release {
                release(vdev, region);
            }
        }
        // SAFETY: The device is valid, and nobody else uses its regions.
        unsafe { (*vdev).num_regions = last };
        if last == 0 {
            // SAFETY: The array is the device's own, and nobody looks at an array of none.
            unsafe { bindings::kfree((*vdev).region.cast()) };
            // SAFETY: The device is valid.
            unsafe { (*vdev).region = core::ptr::null_mut() };
        }
    }
}
