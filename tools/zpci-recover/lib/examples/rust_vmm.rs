// SPDX-License-Identifier: GPL-2.0-only

//! Opens a function with vfio-ioctls, waits for an event, and recovers from it:
//!
//! ```text
//! rust_vmm ADDRESS
//! ```

#![forbid(unsafe_code)]

use std::{env, error::Error, path::Path, sync::Arc};

use vfio_ioctls::{VfioContainer, VfioDevice};
use zpci_recover::{Listener, RustVmmDevice};

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).ok_or("rust_vmm ADDRESS")?;
    let path = Path::new("/sys/bus/pci/devices").join(address);
    let container = Arc::new(VfioContainer::new(None)?);
    let device = Arc::new(VfioDevice::new(&path, container, true)?);
    let listener = Listener::new(RustVmmDevice(device))?;

    println!("waiting");
    loop {
        listener.wait(None)?;
        for event in listener.drain()? {
            println!("event {:?}", event.ccdf());
            if event.needs_reset() {
                listener.recover()?;
                println!("recovered");
                return Ok(());
            }
        }
    }
}
