// SPDX-License-Identifier: GPL-2.0-only

//! Capability chains in what a device or a region says of itself.
//!
//! C header: [`include/linux/vfio.h`](srctree/include/linux/vfio.h)

use crate::{
    bindings,
    error::to_result,
    prelude::*,
    types::Opaque, //
};
use core::{
    mem::MaybeUninit,
    ops::Range, //
};
use pin_init::Zeroable;

/// A chain of capabilities that is being made.
///
/// # Invariants
///
/// A [`CapabilityChain`] is a valid `struct vfio_info_cap` that nobody else uses meanwhile.
#[repr(transparent)]
pub struct CapabilityChain(Opaque<bindings::vfio_info_cap>);

/// A capability of a fixed size.
///
/// # Safety
///
/// The type begins with a `struct vfio_info_cap_header`.
pub unsafe trait Capability: Zeroable {}

// SAFETY: Begins with a header.
unsafe impl Capability for bindings::vfio_device_info_cap_zpci_base {}
// SAFETY: Begins with a header.
unsafe impl Capability for bindings::vfio_device_info_cap_zpci_group {}

/// A `struct vfio_region_info_cap_sparse_mmap` with one area.
#[repr(C)]
#[derive(Zeroable)]
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

// SAFETY: Begins with a header.
unsafe impl Capability for SparseMmap {}

impl CapabilityChain {
    /// Makes a reference of a pointer.
    ///
    /// # Safety
    ///
    /// The pointer must be to a valid chain that nobody else uses for as long as `'a` lasts.
    #[inline]
    pub unsafe fn from_raw<'a>(caps: *mut bindings::vfio_info_cap) -> &'a mut Self {
        // SAFETY: By the caller's promise; the type is transparent.
        unsafe { &mut *caps.cast() }
    }

    /// Adds a capability that `fill` fills in. What it leaves out, holes included, is zero.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    #[inline]
    pub fn add<C: Capability>(&mut self, fill: impl FnOnce(&mut C)) -> Result {
        let mut capability = MaybeUninit::<C>::zeroed();

        // SAFETY: All bytes are zero, which is a value of the type.
        fill(unsafe { capability.assume_init_mut() });
        // SAFETY: The chain is valid by the type invariant. The capability begins with its
        // header by the trait's promise. It was filled in where it is, so that no byte of it is
        // uninitialized.
        to_result(unsafe {
            bindings::vfio_info_add_capability(
                self.0.get(),
                capability.as_mut_ptr().cast(),
                size_of::<C>(),
            )
        })
    }

    /// Adds the capability that says which bytes of a region can be mapped, where these are not
    /// all.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    #[inline]
    pub fn add_sparse_mmap(&mut self, area: Range<usize>) -> Result {
        self.add(|cap: &mut SparseMmap| {
            // CAST: The capability's ID has 16 bits, and widening otherwise.
            cap.header.id = bindings::VFIO_REGION_INFO_CAP_SPARSE_MMAP as u16;
            cap.header.version = 1;
            cap.areas = 1;
            cap.area.offset = area.start as u64;
            cap.area.size = area.len() as u64;
        })
    }

    /// Adds a capability that has a number of bytes, and then these bytes, behind its header.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    #[inline]
    pub fn add_bytes<const N: usize>(&mut self, id: u16, version: u16, bytes: &[u8; N]) -> Result {
        #[repr(C)]
        struct Sized<const N: usize> {
            header: bindings::vfio_info_cap_header,
            size: u32,
            bytes: [u8; N],
        }

        // The chain is given the bytes up to the end of `bytes`, and not the padding behind.
        let length = core::mem::offset_of!(Sized<N>, bytes) + N;
        let mut capability = Sized {
            header: bindings::vfio_info_cap_header {
                id,
                version,
                next: 0,
            },
            // CAST: The capabilities of this kind have a few dozen bytes.
            size: N as u32,
            bytes: *bytes,
        };

        // SAFETY: The chain is valid by the type invariant. The capability begins with its
        // header, and `length` of its bytes are initialized.
        to_result(unsafe {
            bindings::vfio_info_add_capability(self.0.get(), (&raw mut capability).cast(), length)
        })
    }
}
