// SPDX-License-Identifier: MIT OR Apache-2.0

//! Opens a function with vfio-ioctls, and recovers from its errors:
//!
//! ```text
//! rust_vmm ADDRESS
//! ```

#![forbid(unsafe_code)]

use std::{env, error::Error, path::Path, sync::Arc};

use vfio_ioctls::{VfioContainer, VfioDevice};
use zpci_recover::{Listener, Outcome, RustVmmDevice};

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).ok_or("rust_vmm ADDRESS")?;
    let path = Path::new("/sys/bus/pci/devices").join(address);
    let container = Arc::new(VfioContainer::new(None)?);
    let device = Arc::new(VfioDevice::new(&path, container, true)?);
    let listener = Listener::new(RustVmmDevice(device))?;

    println!("listening");
    loop {
        listener.wait(None)?;
        let recovery = listener.recover()?;

        for event in &recovery.events {
            println!("event {}", event.pec());
        }
        match recovery.outcome {
            Outcome::Unchanged => (),
            // A virtual machine monitor tells its guest here.
            Outcome::Reset => println!("reset"),
            Outcome::Lost(pec) => return Err(format!("the function is lost: {pec}").into()),
        }
    }
}
