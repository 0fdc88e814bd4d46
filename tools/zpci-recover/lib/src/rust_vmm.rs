// SPDX-License-Identifier: MIT OR Apache-2.0

//! Devices of the crate vfio-ioctls.

use std::{
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
};

use vfio_ioctls::VfioDevice;

use crate::sys;

/// A device that was opened with vfio-ioctls, to be listened to.
///
/// ```no_run
/// use std::{path::Path, sync::Arc};
///
/// use vfio_ioctls::{VfioContainer, VfioDevice};
/// use zpci_recover::{Listener, RustVmmDevice};
///
/// let container = Arc::new(VfioContainer::new(None)?);
/// let path = Path::new("/sys/bus/pci/devices/0001:00:00.0");
/// let device = Arc::new(VfioDevice::new(path, container, true)?);
/// let listener = Listener::new(RustVmmDevice(device.clone()))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Use [`Listener::recover`](crate::Listener::recover) in place of `VfioDevice::reset`, which does
/// not say whether it has reset the device.
pub struct RustVmmDevice(pub Arc<VfioDevice>);

impl AsFd for RustVmmDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        sys::device_of_vfio_ioctls(&self.0)
    }
}
