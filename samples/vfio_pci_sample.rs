// SPDX-License-Identifier: GPL-2.0-only

//! A vfio-pci variant driver: what vfio-pci does, and one region more, which says how often a
//! device has been opened.
//!
//! A device is given to it by `driver_override`.

use kernel::{
    pci,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    },
    uaccess::UserSliceWriter,
    vfio::pci::{
        Driver,
        Region,
        RegionType,
        Registration,
        Transition, //
    }, //
};

module! {
    type: Module,
    name: "vfio_pci_sample",
    authors: ["The zpci-rs authors"],
    description: "Sample of a vfio-pci variant driver in Rust",
    license: "GPL v2",
}

/// How often a device has been opened since the driver was bound to it.
struct Opened(Atomic<u32>);

impl Region for Opened {
    // Of a vendor that does not exist.
    const TYPE: RegionType = RegionType::vendor(0xfffe, 1);
    const SIZE: usize = size_of::<u32>();
    const WRITABLE: bool = false;

    type Data = Arc<Opened>;

    fn read(opened: ArcBorrow<'_, Opened>, at: usize, to: &mut UserSliceWriter) -> Result<usize> {
        let bytes = opened.0.load(Relaxed).to_ne_bytes();
        let bytes = &bytes[at..at + to.len()];

        to.write_slice(bytes)?;
        Ok(bytes.len())
    }
}

/// What the driver keeps of a device.
struct Sample {
    opened: Arc<Opened>,
}

impl Driver for Sample {
    const NAME: &'static CStr = c"vfio-pci-sample";

    fn new(_device: &pci::Device) -> Result<Self> {
        Ok(Self {
            opened: Arc::new(Opened(Atomic::new(0)), GFP_KERNEL)?,
        })
    }

    fn open(&self, device: &Transition<'_>) -> Result {
        self.opened.0.fetch_add(1, Relaxed);
        device.register_region::<Opened>(self.opened.clone())
    }
}

#[pin_data]
struct Module {
    #[pin]
    _driver: Registration<Sample>,
}

impl kernel::InPlaceModule for Module {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _driver <- Registration::new(module),
        })
    }
}
