// SPDX-License-Identifier: MIT OR Apache-2.0

//! A small owner of a function that survives its errors, and ends when it is lost for good:
//!
//! ```text
//! client ADDRESS
//! ```
//!
//! Documentation/arch/s390/zpci-recovery-uapi.rst shows it.

#![forbid(unsafe_code)]

use std::{env, error::Error};
use zpci_recover::{Function, Listener, Outcome};

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).ok_or("client ADDRESS")?.parse()?;
    let function = Function::open(address)?;
    let listener = Listener::new(&function)?;

    println!("listening");
    loop {
        listener.wait(None)?;
        let recovery = listener.recover()?;

        for event in &recovery.events {
            println!("event {}", event.pec());
        }
        match recovery.outcome {
            Outcome::Unchanged => (),
            // A driver sets up its queues again here.
            Outcome::Reset => println!("reset"),
            Outcome::Lost(pec) => return Err(format!("the function is lost: {pec}").into()),
        }
    }
}
