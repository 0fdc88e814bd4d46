// SPDX-License-Identifier: MIT OR Apache-2.0

//! System calls that take pointers: all of `unsafe` that this crate has.

#[cfg(feature = "tokio")]
use std::os::fd::AsFd;
use std::os::fd::{AsRawFd, BorrowedFd};
#[cfg(feature = "open")]
use std::os::fd::{FromRawFd, OwnedFd};
use std::{
    ffi::c_void,
    ptr::{null_mut, NonNull},
    sync::atomic::AtomicU64,
};

#[cfg(feature = "open")]
use iommufd_bindings::iommufd::*;
use rustix::{
    io::Errno,
    ioctl::{ioctl, opcode, Ioctl, IoctlOutput, Opcode},
    mm::{mmap, munmap, MapFlags, ProtFlags},
};
#[cfg(feature = "tokio")]
use tokio::io::{unix::AsyncFd, Interest};
use vfio_bindings::bindings::vfio::*;
#[cfg(feature = "vfio-ioctls")]
use vfio_ioctls::VfioDevice;
#[cfg(feature = "open")]
use vm_memory::MmapRegion;

#[cfg(feature = "tokio")]
use crate::Listener;
use crate::{
    error::{Context, Result},
    info::{DeviceInfo, Info, RegionInfo, DEVICE_INFO_SIZE, REGION_INFO_SIZE},
    Ccdf, Error, Irq,
};

/// Numbers of vfio's ioctls.
mod number {
    use vfio_bindings::bindings::vfio::VFIO_BASE;

    #[cfg(feature = "open")]
    pub(super) const SET_IOMMU: u32 = VFIO_BASE + 2;
    #[cfg(feature = "open")]
    pub(super) const GROUP_GET_STATUS: u32 = VFIO_BASE + 3;
    #[cfg(feature = "open")]
    pub(super) const GROUP_SET_CONTAINER: u32 = VFIO_BASE + 4;
    #[cfg(feature = "open")]
    pub(super) const GROUP_GET_DEVICE_FD: u32 = VFIO_BASE + 6;
    pub(super) const DEVICE_GET_INFO: u32 = VFIO_BASE + 7;
    pub(super) const DEVICE_GET_REGION_INFO: u32 = VFIO_BASE + 8;
    pub(super) const DEVICE_SET_IRQS: u32 = VFIO_BASE + 10;
    pub(super) const DEVICE_RESET: u32 = VFIO_BASE + 11;
    #[cfg(feature = "open")]
    pub(super) const IOMMU_MAP_DMA: u32 = VFIO_BASE + 13;
    #[cfg(feature = "open")]
    pub(super) const IOMMU_UNMAP_DMA: u32 = VFIO_BASE + 14;
    pub(super) const DEVICE_FEATURE: u32 = VFIO_BASE + 17;
    #[cfg(feature = "open")]
    pub(super) const DEVICE_BIND_IOMMUFD: u32 = VFIO_BASE + 18;
    #[cfg(feature = "open")]
    pub(super) const DEVICE_ATTACH_IOMMUFD_PT: u32 = VFIO_BASE + 19;
}

/// The feature was merged in Linux 7.3, and is missing in the bindings.
const FEATURE_ZPCI_ERROR: u32 = 13;

/// An ioctl of vfio or iommufd with a pointer to its argument, or with a number.
struct Request {
    opcode: Opcode,
    argument: *mut core::ffi::c_void,
}

// SAFETY: The opcode has the direction "none", as those of vfio and iommufd do; so nothing is
// assumed of the argument but what `request()` requires of its callers. As memory may be written,
// `IS_MUTATING` is true.
unsafe impl Ioctl for Request {
    type Output = IoctlOutput;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.opcode
    }

    fn as_ptr(&mut self) -> *mut core::ffi::c_void {
        self.argument
    }

    unsafe fn output_from_ptr(
        out: IoctlOutput,
        _: *mut core::ffi::c_void,
    ) -> rustix::io::Result<Self::Output> {
        Ok(out)
    }
}

/// Calls an ioctl of vfio or iommufd, which share a type.
///
/// # Safety
///
/// `argument` must be what the request with that number takes, and what it reads and writes
/// through `argument` must be valid for that.
unsafe fn request<T>(
    fd: BorrowedFd<'_>,
    number: u32,
    argument: *mut T,
) -> rustix::io::Result<IoctlOutput> {
    // CAST: The numbers of these ioctls have 8 bits.
    let opcode = opcode::none(VFIO_TYPE, number as u8);

    // SAFETY: As required of the caller.
    unsafe {
        ioctl(
            fd,
            Request {
                opcode,
                argument: argument.cast(),
            },
        )
    }
}

/// Reads an information structure of at least `size` bytes, and the chain behind it.
fn info(fd: BorrowedFd<'_>, number: u32, size: usize, index: u32) -> rustix::io::Result<Info> {
    let mut info = Info(vec![0; size]);

    // The first answer says how long the whole structure is.
    loop {
        let len = info.0.len();

        // CAST: Limited below.
        info.0[0..4].copy_from_slice(&(len as u32).to_ne_bytes());
        if number == number::DEVICE_GET_REGION_INFO {
            info.0[8..12].copy_from_slice(&index.to_ne_bytes());
        }
        // SAFETY: Both requests with which this is called take a structure whose first field is
        // its length, and do not write more than that.
        unsafe { request(fd, number, info.0.as_mut_ptr())? };
        let wanted = info.u32(0).unwrap_or(0) as usize;
        if wanted <= len {
            return Ok(info);
        }
        if wanted > 0x10000 {
            return Err(Errno::TOOBIG);
        }
        info.0 = vec![0; wanted];
    }
}

/// `VFIO_DEVICE_GET_INFO`.
pub(crate) fn device_info(device: BorrowedFd<'_>) -> Result<DeviceInfo> {
    let info = info(device, number::DEVICE_GET_INFO, DEVICE_INFO_SIZE, 0)
        .context("cannot ask the function for its description (is this a vfio device?)")?;

    DeviceInfo::read(&info).ok_or(Error::Unexpected("the description of the function is cut"))
}

/// `VFIO_DEVICE_GET_REGION_INFO`.
pub(crate) fn region_info(device: BorrowedFd<'_>, index: u32) -> Result<RegionInfo> {
    let info = info(
        device,
        number::DEVICE_GET_REGION_INFO,
        REGION_INFO_SIZE,
        index,
    )
    .context("cannot ask the function for a region")?;

    RegionInfo::read(&info).ok_or(Error::Unexpected("the description of a region is cut"))
}

/// `VFIO_DEVICE_SET_IRQS`: registers eventfds for the vectors from 0 on.
pub(crate) fn set_irqs(
    device: BorrowedFd<'_>,
    irq: Irq,
    eventfds: &[BorrowedFd<'_>],
) -> rustix::io::Result<()> {
    irqs(device, irq, VFIO_IRQ_SET_DATA_EVENTFD, eventfds)
}

/// `VFIO_DEVICE_SET_IRQS`: takes all eventfds back.
pub(crate) fn clear_irqs(device: BorrowedFd<'_>, irq: Irq) -> rustix::io::Result<()> {
    irqs(device, irq, VFIO_IRQ_SET_DATA_NONE, &[])
}

fn irqs(
    device: BorrowedFd<'_>,
    irq: Irq,
    data: u32,
    eventfds: &[BorrowedFd<'_>],
) -> rustix::io::Result<()> {
    // CAST: There are not that many vectors.
    let count = eventfds.len() as u32;
    let mut set = vec![
        20 + 4 * count,
        data | VFIO_IRQ_SET_ACTION_TRIGGER,
        irq.index(),
        0,
        count,
    ];

    set.extend(eventfds.iter().map(|fd| fd.as_raw_fd().cast_unsigned()));
    // SAFETY: It is a `struct vfio_irq_set`, which is made of such words, and its first one is
    // its length. The kernel only reads it.
    unsafe { request(device, number::DEVICE_SET_IRQS, set.as_mut_ptr())? };
    Ok(())
}

/// `VFIO_DEVICE_RESET`, once.
pub(crate) fn reset(device: BorrowedFd<'_>) -> rustix::io::Result<()> {
    // SAFETY: It takes no argument.
    unsafe { request::<u8>(device, number::DEVICE_RESET, core::ptr::null_mut())? };
    Ok(())
}

/// Makes a `struct vfio_device_feature` with a `struct vfio_device_feature_zpci_err`.
#[repr(C)]
struct ErrorFeature {
    argsz: u32,
    flags: u32,
    data: u64,
}

fn error_feature(device: BorrowedFd<'_>, flags: u32, data: &mut [u8]) -> rustix::io::Result<()> {
    let mut feature = ErrorFeature {
        // CAST: The length is 16.
        argsz: size_of::<ErrorFeature>() as u32,
        flags: flags | FEATURE_ZPCI_ERROR,
        // CAST: The kernel takes addresses as 64 bits.
        data: data.as_mut_ptr() as u64,
    };

    // SAFETY: `argsz` is the length of the structure. The kernel writes to `data` as many bytes as
    // the device's description says, for which callers make room, or none if it is a probe.
    unsafe { request(device, number::DEVICE_FEATURE, &raw mut feature)? };
    Ok(())
}

/// Probes for `VFIO_DEVICE_FEATURE_ZPCI_ERROR`.
pub(crate) fn error_feature_probe(device: BorrowedFd<'_>) -> rustix::io::Result<()> {
    error_feature(
        device,
        VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET,
        &mut [],
    )
}

/// `VFIO_DEVICE_FEATURE_ZPCI_ERROR`: takes an event; `length` is that of the device's description.
pub(crate) fn error_feature_get(device: BorrowedFd<'_>, length: usize) -> rustix::io::Result<Ccdf> {
    let mut bytes = vec![0; length.max(Ccdf::SIZE)];

    error_feature(device, VFIO_DEVICE_FEATURE_GET, &mut bytes)?;
    Ok(Ccdf::from(std::array::from_fn(|i| bytes[i])))
}

/// `VFIO_GROUP_GET_STATUS`: whether all functions of the group are bound to vfio.
#[cfg(feature = "open")]
pub(crate) fn group_is_viable(group: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    let mut status = vfio_group_status {
        // CAST: The length is 8.
        argsz: size_of::<vfio_group_status>() as u32,
        flags: 0,
    };

    // SAFETY: This is what the request takes and fills in.
    unsafe { request(group, number::GROUP_GET_STATUS, &raw mut status)? };
    Ok(status.flags & VFIO_GROUP_FLAGS_VIABLE != 0)
}

/// `VFIO_GROUP_SET_CONTAINER`.
#[cfg(feature = "open")]
pub(crate) fn group_set_container(
    group: BorrowedFd<'_>,
    container: BorrowedFd<'_>,
) -> rustix::io::Result<()> {
    let mut fd = container.as_raw_fd();

    // SAFETY: The request reads a file descriptor.
    unsafe { request(group, number::GROUP_SET_CONTAINER, &raw mut fd)? };
    Ok(())
}

/// `VFIO_SET_IOMMU`.
#[cfg(feature = "open")]
pub(crate) fn container_set_type1(container: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let kind = core::ptr::without_provenance_mut::<u8>(VFIO_TYPE1v2_IOMMU as usize);

    // SAFETY: The request takes a number in place of a pointer.
    unsafe { request(container, number::SET_IOMMU, kind)? };
    Ok(())
}

/// `VFIO_GROUP_GET_DEVICE_FD`.
#[cfg(feature = "open")]
pub(crate) fn group_device(group: BorrowedFd<'_>, name: &str) -> rustix::io::Result<OwnedFd> {
    let name = std::ffi::CString::new(name).map_err(|_| Errno::INVAL)?;

    // SAFETY: The request reads a string that ends with a zero.
    let fd = unsafe { request(group, number::GROUP_GET_DEVICE_FD, name.as_ptr().cast_mut())? };
    // SAFETY: It has returned a new file descriptor, which nobody else knows.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `VFIO_DEVICE_BIND_IOMMUFD`.
#[cfg(feature = "open")]
pub(crate) fn bind_iommufd(
    device: BorrowedFd<'_>,
    iommufd: BorrowedFd<'_>,
) -> rustix::io::Result<()> {
    let mut bind = vfio_device_bind_iommufd {
        // Without a field that later kernels have.
        argsz: 16,
        iommufd: iommufd.as_raw_fd(),
        ..Default::default()
    };

    // SAFETY: This is what the request takes and fills in.
    unsafe { request(device, number::DEVICE_BIND_IOMMUFD, &raw mut bind)? };
    Ok(())
}

/// `IOMMU_IOAS_ALLOC`: makes an I/O address space.
#[cfg(feature = "open")]
pub(crate) fn alloc_ioas(iommufd: BorrowedFd<'_>) -> rustix::io::Result<u32> {
    let mut alloc = iommu_ioas_alloc {
        // CAST: The length is 12.
        size: size_of::<iommu_ioas_alloc>() as u32,
        ..Default::default()
    };

    // SAFETY: This is what the request takes and fills in.
    unsafe { request(iommufd, IOMMUFD_CMD_IOAS_ALLOC, &raw mut alloc)? };
    Ok(alloc.out_ioas_id)
}

/// `VFIO_DEVICE_ATTACH_IOMMUFD_PT`.
#[cfg(feature = "open")]
pub(crate) fn attach_ioas(device: BorrowedFd<'_>, ioas: u32) -> rustix::io::Result<()> {
    let mut attach = vfio_device_attach_iommufd_pt {
        // Without a field that later kernels have.
        argsz: 12,
        pt_id: ioas,
        ..Default::default()
    };

    // SAFETY: This is what the request takes and fills in.
    unsafe { request(device, number::DEVICE_ATTACH_IOMMUFD_PT, &raw mut attach)? };
    Ok(())
}

/// `VFIO_IOMMU_MAP_DMA`.
#[cfg(feature = "open")]
pub(crate) fn container_map(
    container: BorrowedFd<'_>,
    memory: &MmapRegion,
    iova: u64,
) -> rustix::io::Result<()> {
    let mut map = vfio_iommu_type1_dma_map {
        // CAST: The length is 32.
        argsz: size_of::<vfio_iommu_type1_dma_map>() as u32,
        flags: VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
        // CAST: The kernel takes addresses and lengths as 64 bits.
        vaddr: memory.as_ptr() as u64,
        iova,
        size: memory.size() as u64,
    };

    // SAFETY: This is what the request takes. The memory is a mapping of its own, reached by
    // volatile accesses only, and the kernel keeps it for as long as the function can reach it.
    unsafe { request(container, number::IOMMU_MAP_DMA, &raw mut map)? };
    Ok(())
}

/// `VFIO_IOMMU_UNMAP_DMA`.
#[cfg(feature = "open")]
pub(crate) fn container_unmap(
    container: BorrowedFd<'_>,
    iova: u64,
    size: usize,
) -> rustix::io::Result<()> {
    let mut unmap = vfio_iommu_type1_dma_unmap {
        // CAST: The length is 24.
        argsz: size_of::<vfio_iommu_type1_dma_unmap>() as u32,
        iova,
        // CAST: The kernel takes lengths as 64 bits.
        size: size as u64,
        ..Default::default()
    };

    // SAFETY: This is what the request takes and fills in.
    unsafe { request(container, number::IOMMU_UNMAP_DMA, &raw mut unmap)? };
    Ok(())
}

/// `IOMMU_IOAS_MAP`.
#[cfg(feature = "open")]
pub(crate) fn ioas_map(
    iommufd: BorrowedFd<'_>,
    ioas: u32,
    memory: &MmapRegion,
    iova: u64,
) -> rustix::io::Result<()> {
    let mut map = iommu_ioas_map {
        // CAST: The length is 40.
        size: size_of::<iommu_ioas_map>() as u32,
        flags: iommufd_ioas_map_flags_IOMMU_IOAS_MAP_FIXED_IOVA
            | iommufd_ioas_map_flags_IOMMU_IOAS_MAP_WRITEABLE
            | iommufd_ioas_map_flags_IOMMU_IOAS_MAP_READABLE,
        ioas_id: ioas,
        // CAST: The kernel takes addresses and lengths as 64 bits.
        user_va: memory.as_ptr() as u64,
        length: memory.size() as u64,
        iova,
        ..Default::default()
    };

    // SAFETY: This is what the request takes. The memory is a mapping of its own, reached by
    // volatile accesses only, and the kernel keeps it for as long as the function can reach it.
    unsafe { request(iommufd, IOMMUFD_CMD_IOAS_MAP, &raw mut map)? };
    Ok(())
}

/// `IOMMU_IOAS_UNMAP`.
#[cfg(feature = "open")]
pub(crate) fn ioas_unmap(
    iommufd: BorrowedFd<'_>,
    ioas: u32,
    iova: u64,
    size: usize,
) -> rustix::io::Result<()> {
    let mut unmap = iommu_ioas_unmap {
        // CAST: The length is 24.
        size: size_of::<iommu_ioas_unmap>() as u32,
        ioas_id: ioas,
        iova,
        // CAST: The kernel takes lengths as 64 bits.
        length: size as u64,
    };

    // SAFETY: This is what the request takes and fills in.
    unsafe { request(iommufd, IOMMUFD_CMD_IOAS_UNMAP, &raw mut unmap)? };
    Ok(())
}

/// A part of a device that is mapped for reading.
#[derive(Debug)]
pub(crate) struct Mapping {
    at: NonNull<c_void>,
    length: usize,
}

// SAFETY: The mapping belongs to no thread, and all that can be done with it is to read by atomic
// loads, and to unmap it when nobody has a reference to it any more.
unsafe impl Send for Mapping {}
// SAFETY: As above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `length` bytes, which must be a multiple of 8.
    pub(crate) fn new(fd: BorrowedFd<'_>, offset: u64, length: usize) -> rustix::io::Result<Self> {
        // SAFETY: The kernel chooses the place, so that no memory of ours is replaced.
        let at = unsafe {
            mmap(
                null_mut(),
                length,
                ProtFlags::READ,
                MapFlags::SHARED,
                fd,
                offset,
            )?
        };

        Ok(Self {
            at: NonNull::new(at).ok_or(Errno::NOMEM)?,
            length,
        })
    }

    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: So much is mapped for as long as `self`, at the beginning of a page. It changes
        // only by what the kernel stores, word by word, and is only read by atomic loads: nobody
        // here can store to it, as such a reference is not handed on.
        unsafe {
            std::slice::from_raw_parts(
                self.at.as_ptr().cast(),
                self.length / size_of::<AtomicU64>(),
            )
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: It is mapped, and nobody has a reference to it any more.
        let _ = unsafe { munmap(self.at.as_ptr(), self.length) };
    }
}

/// Registers a listener with Tokio's runtime.
#[cfg(feature = "tokio")]
pub(crate) fn register<D: AsFd>(listener: Listener<D>) -> std::io::Result<AsyncFd<Listener<D>>> {
    // SAFETY: The descriptor is the listener's own eventfd, which is never replaced, and closed
    // only when the listener is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE)? })
}

/// The descriptor of a device that was opened with vfio-ioctls.
#[cfg(feature = "vfio-ioctls")]
pub(crate) fn device_of_vfio_ioctls(device: &VfioDevice) -> BorrowedFd<'_> {
    // SAFETY: The device owns the descriptor, and closes it only when it is dropped.
    unsafe { BorrowedFd::borrow_raw(device.as_raw_fd()) }
}
