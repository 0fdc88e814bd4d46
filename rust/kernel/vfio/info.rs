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
/// The type begins with a `struct vfio_info_cap_header`, and all its bytes are initialized.
pub unsafe trait Capability {}

// SAFETY: Begins with a header, and consists of integers without holes.
unsafe impl Capability for bindings::vfio_device_info_cap_zpci_base {}
// SAFETY: Begins with a header; its holes are zeroed by `Zeroable::zeroed()`, as users must.
unsafe impl Capability for bindings::vfio_device_info_cap_zpci_group {}

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

    /// Adds a capability. The chain has a copy of it.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    #[inline]
    pub fn add<C: Capability>(&mut self, capability: &mut C) -> Result {
        // SAFETY: The chain is valid by the type invariant. The capability begins with its
        // header by the trait's promise, and all of its bytes may be read.
        to_result(unsafe {
            bindings::vfio_info_add_capability(
                self.0.get(),
                core::ptr::from_mut(capability).cast(),
                size_of::<C>(),
            )
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
