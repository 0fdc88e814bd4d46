// SPDX-License-Identifier: GPL-2.0-only

//! Variant drivers: vfio-pci drivers that add something to what vfio-pci-core does.

use super::{
    CoreDevice,
    Transition, //
};
use crate::{
    bindings,
    container_of,
    error::{
        from_err_ptr,
        from_result,
        to_result, //
    },
    pci,
    prelude::*,
    str::as_char_ptr_in_const_context,
    types::Opaque, //
};
use core::{
    marker::PhantomData,
    mem::MaybeUninit, //
};

/// A vfio-pci driver that adds something to what vfio-pci-core does.
///
/// It has no table of devices: a device is given to it by its `driver_override`. All that it does
/// not do itself the core does, errors and resets above all. There is one value of the type for
/// each device that it is bound to.
///
/// # Examples
///
/// A driver that only lets those open a device whose first BAR is large enough:
///
/// ```
/// use kernel::{
///     pci,
///     prelude::*,
///     vfio::pci::{Driver, Transition},
/// };
///
/// struct Picky {
///     large: bool,
/// }
///
/// impl Driver for Picky {
///     const NAME: &'static CStr = c"vfio-pci-picky";
///
///     fn new(device: &pci::Device) -> Result<Self> {
///         let large = device.resource_len(0)? >= 4096;
///
///         Ok(Self { large })
///     }
///
///     fn open(&self, _device: &Transition<'_>) -> Result {
///         if self.large { Ok(()) } else { Err(ENODEV) }
///     }
/// }
/// ```
pub trait Driver: Sized + Send + Sync + 'static {
    /// The driver's name, in sysfs and to user space.
    const NAME: &'static CStr;

    /// Begins to drive a device. It ends when the value is dropped.
    ///
    /// # Errors
    ///
    /// Whatever keeps the driver from it; it is then not bound to the device.
    fn new(device: &pci::Device) -> Result<Self>;

    /// Adds to a device that user space is opening, and that the core has enabled. Regions that
    /// are added here go when the device is closed.
    ///
    /// # Errors
    ///
    /// Whatever keeps user space from opening the device.
    fn open(&self, device: &Transition<'_>) -> Result;
}

/// What is allocated for a device: what is the core's, and then what is the driver's.
#[repr(C)]
struct Allocation<T> {
    core: bindings::vfio_pci_core_device,
    driver: MaybeUninit<T>,
}

/// The C side of a [`Driver`].
struct Adapter<T: Driver>(PhantomData<T>);

impl<T: Driver> Adapter<T> {
    const OPS: bindings::vfio_device_ops = bindings::vfio_device_ops {
        name: as_char_ptr_in_const_context(T::NAME).cast_mut(),
        init: Some(Self::init),
        release: Some(Self::release),
        open_device: Some(Self::open_device),
        close_device: Some(bindings::vfio_pci_core_close_device),
        ioctl: Some(bindings::vfio_pci_core_ioctl),
        get_region_info_caps: Some(bindings::vfio_pci_ioctl_get_region_info),
        device_feature: Some(bindings::vfio_pci_core_ioctl_feature),
        read: Some(bindings::vfio_pci_core_read),
        write: Some(bindings::vfio_pci_core_write),
        mmap: Some(bindings::vfio_pci_core_mmap),
        request: Some(bindings::vfio_pci_core_request),
        match_: Some(bindings::vfio_pci_core_match),
        match_token_uuid: Some(bindings::vfio_pci_core_match_token_uuid),
        #[cfg(CONFIG_IOMMUFD)]
        bind_iommufd: Some(bindings::vfio_iommufd_physical_bind),
        #[cfg(CONFIG_IOMMUFD)]
        unbind_iommufd: Some(bindings::vfio_iommufd_physical_unbind),
        #[cfg(CONFIG_IOMMUFD)]
        attach_ioas: Some(bindings::vfio_iommufd_physical_attach_ioas),
        #[cfg(CONFIG_IOMMUFD)]
        detach_ioas: Some(bindings::vfio_iommufd_physical_detach_ioas),
        #[cfg(CONFIG_IOMMUFD)]
        pasid_attach_ioas: Some(bindings::vfio_iommufd_physical_pasid_attach_ioas),
        #[cfg(CONFIG_IOMMUFD)]
        pasid_detach_ioas: Some(bindings::vfio_iommufd_physical_pasid_detach_ioas),
        ..pin_init::zeroed()
    };

    /// VFIO, which allocates and frees all of it, has to know where it begins: with the core's
    /// part, which begins with `struct vfio_device`. It knows nothing of how it is to be aligned.
    const LAYOUT_IS_RIGHT: () = assert!(
        core::mem::offset_of!(Allocation<T>, core) == 0
            && core::mem::offset_of!(bindings::vfio_pci_core_device, vdev) == 0
            && align_of::<Allocation<T>>() <= bindings::ARCH_KMALLOC_MINALIGN
    );

    /// # Safety
    ///
    /// `vfio` is the `struct vfio_device` of an allocation of this driver.
    unsafe fn allocation(vfio: *mut bindings::vfio_device) -> *mut Allocation<T> {
        // SAFETY: By the caller's promise.
        let core = unsafe { container_of!(vfio, bindings::vfio_pci_core_device, vdev) };

        // SAFETY: By the caller's promise.
        unsafe { container_of!(core, Allocation<T>, core) }
    }

    /// # Safety
    ///
    /// `vfio` is the `struct vfio_device` of an allocation of this driver that is all zeroes but
    /// for what VFIO has set, and that nobody else knows.
    unsafe extern "C" fn init(vfio: *mut bindings::vfio_device) -> c_int {
        // SAFETY: By the caller's promise.
        let allocation = unsafe { Self::allocation(vfio) };

        from_result(|| {
            // SAFETY: By the caller's promise.
            to_result(unsafe { bindings::vfio_pci_core_init_dev(vfio) })?;
            // SAFETY: The core has just initialized its part, the PCI device included.
            let device = unsafe { CoreDevice::from_raw(&raw mut (*allocation).core) };
            let driver = T::new(device.pdev()).inspect_err(|_| {
                // SAFETY: As this fails, nobody else releases it.
                unsafe { bindings::vfio_pci_core_release_dev(vfio) }
            })?;

            // SAFETY: The driver's part is valid for writing, and there is no value in it yet.
            unsafe { (*allocation).driver.write(driver) };
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// `vfio` was initialized by `init`, and nobody uses it anymore.
    unsafe extern "C" fn release(vfio: *mut bindings::vfio_device) {
        // SAFETY: By the caller's promise there is a value that nobody uses anymore.
        unsafe { (*Self::allocation(vfio)).driver.assume_init_drop() };
        // SAFETY: By the caller's promise.
        unsafe { bindings::vfio_pci_core_release_dev(vfio) };
    }

    /// # Safety
    ///
    /// `vfio` was initialized by `init`, and is being opened, under the lock of its device set.
    unsafe extern "C" fn open_device(vfio: *mut bindings::vfio_device) -> c_int {
        // SAFETY: By the caller's promise.
        let allocation = unsafe { Self::allocation(vfio) };
        // SAFETY: By the caller's promise.
        let core = unsafe { &raw mut (*allocation).core };

        from_result(|| {
            // SAFETY: By the caller's promise.
            to_result(unsafe { bindings::vfio_pci_core_enable(core) })?;
            // SAFETY: `init` has put a value there, which stays until `release`.
            let driver = unsafe { (*allocation).driver.assume_init_ref() };
            // SAFETY: By the caller's promise.
            let device = unsafe { Transition::from_raw(core) };

            driver.open(&device).inspect_err(|_| {
                // SAFETY: The core has enabled the device above.
                unsafe { bindings::vfio_pci_core_disable(core) }
            })?;
            // SAFETY: The core has enabled the device above.
            unsafe { bindings::vfio_pci_core_finish_enable(core) };
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// `pdev` is a valid device that nothing is bound to, with its lock held.
    unsafe extern "C" fn probe(
        pdev: *mut bindings::pci_dev,
        _id: *const bindings::pci_device_id,
    ) -> c_int {
        const { Self::LAYOUT_IS_RIGHT };

        from_result(|| {
            // SAFETY: By the caller's promise.
            let dev = unsafe { &raw mut (*pdev).dev };
            // SAFETY: The device is valid. There is room for all of the allocation, at whose start
            // VFIO expects its own part. The operations are constant, and match.
            let vfio = from_err_ptr(unsafe {
                bindings::_vfio_alloc_device(size_of::<Allocation<T>>(), dev, &const { Self::OPS })
            })?;
            // SAFETY: `vfio` is of such an allocation.
            let core = unsafe { &raw mut (*Self::allocation(vfio)).core };

            // SAFETY: The device is valid, and this driver is being bound to it. The core's
            // handlers of errors expect its part there.
            unsafe { bindings::dev_set_drvdata(dev, core.cast()) };
            // SAFETY: The core's part is initialized.
            to_result(unsafe { bindings::vfio_pci_core_register_device(core) }).inspect_err(
                |_| {
                    // SAFETY: The only reference is ours.
                    unsafe { bindings::put_device(&raw mut (*vfio).device) }
                },
            )?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// `pdev` is a valid device that `probe` has bound, with its lock held.
    unsafe extern "C" fn remove(pdev: *mut bindings::pci_dev) {
        // SAFETY: `probe` has set it.
        let core: *mut bindings::vfio_pci_core_device =
            unsafe { bindings::dev_get_drvdata(&raw mut (*pdev).dev) }.cast();

        // SAFETY: `probe` has registered it. This waits until user space has closed the device.
        unsafe { bindings::vfio_pci_core_unregister_device(core) };
        // SAFETY: The reference is the one of `probe`, and is not used afterwards.
        unsafe { bindings::put_device(&raw mut (*core).vdev.device) };
    }
}

/// A driver that is registered, for as long as this value lives.
#[pin_data(PinnedDrop)]
pub struct Registration<T: Driver> {
    #[pin]
    driver: Opaque<bindings::pci_driver>,
    _driver: PhantomData<T>,
}

// SAFETY: There is nothing to do with a shared reference.
unsafe impl<T: Driver> Sync for Registration<T> {}

// SAFETY: A driver may be unregistered on any thread.
unsafe impl<T: Driver> Send for Registration<T> {}

impl<T: Driver> Registration<T> {
    /// Registers a driver.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if there is a driver of that name, or [`ENOMEM`].
    pub fn new(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            driver <- Opaque::try_ffi_init(|driver: *mut bindings::pci_driver| {
                let name = T::NAME.as_char_ptr();
                let new = bindings::pci_driver {
                    name,
                    probe: Some(Adapter::<T>::probe),
                    remove: Some(Adapter::<T>::remove),
                    err_handler: &raw const bindings::vfio_pci_core_err_handlers,
                    driver_managed_dma: true,
                    ..pin_init::zeroed()
                };

                // SAFETY: There is room for it.
                unsafe { driver.write(new) };
                // SAFETY: The driver stays where it is until it is unregistered, and so do its
                // name and its module.
                to_result(unsafe {
                    bindings::__pci_register_driver(driver, module.as_ptr(), name)
                })
            }),
            _driver: PhantomData,
        })
    }
}

#[pinned_drop]
impl<T: Driver> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: It was registered when this value was made. This unbinds all devices.
        unsafe { bindings::pci_unregister_driver(self.driver.get()) };
    }
}
