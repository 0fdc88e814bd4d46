// SPDX-License-Identifier: GPL-2.0-only

//! Device features: `VFIO_DEVICE_FEATURE`.
//!
//! C header: [`include/linux/vfio.h`](srctree/include/linux/vfio.h)

use crate::{
    bindings,
    prelude::*, //
};

/// What user space asks of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Whether there is such a feature, with the operations that it names.
    Probe,
    /// The feature's data.
    Get,
    /// New data for the feature.
    Set,
}

/// What a feature offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operations {
    /// Whether it gives data.
    pub get: bool,
    /// Whether it takes data.
    pub set: bool,
}

impl Request {
    /// Finds out what a call asks for, and whether the feature can do it.
    ///
    /// `flags` and `argsz` are those of the call, where `argsz` is what is left for the feature's
    /// data; `size` is how much data the feature has, in bytes.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the feature does not have what is asked for, if nothing or more than one
    /// thing is asked for, or if there is no room for the data.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::vfio::feature::{Operations, Request};
    ///
    /// const GET: u32 = 1 << 16;
    /// const SET: u32 = 1 << 17;
    /// const PROBE: u32 = 1 << 18;
    /// let offer = Operations { get: true, set: false };
    ///
    /// assert_eq!(Request::new(GET, 8, offer, 8), Ok(Request::Get));
    /// assert_eq!(Request::new(GET | PROBE, 0, offer, 8), Ok(Request::Probe));
    /// assert_eq!(Request::new(PROBE, 0, offer, 8), Ok(Request::Probe));
    /// assert_eq!(Request::new(GET, 7, offer, 8), Err(EINVAL));
    /// assert_eq!(Request::new(SET, 8, offer, 8), Err(EINVAL));
    /// assert_eq!(Request::new(0, 8, offer, 8), Err(EINVAL));
    /// # Ok::<(), Error>(())
    /// ```
    #[inline]
    pub fn new(flags: u32, argsz: usize, offer: Operations, size: usize) -> Result<Self> {
        let get = flags & bindings::VFIO_DEVICE_FEATURE_GET != 0;
        let set = flags & bindings::VFIO_DEVICE_FEATURE_SET != 0;

        if (get && !offer.get) || (set && !offer.set) {
            return Err(EINVAL);
        }
        if flags & bindings::VFIO_DEVICE_FEATURE_PROBE != 0 {
            return Ok(Self::Probe);
        }
        match (get, set) {
            (true, false) if argsz >= size => Ok(Self::Get),
            (false, true) if argsz >= size => Ok(Self::Set),
            _ => Err(EINVAL),
        }
    }
}
