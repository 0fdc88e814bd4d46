// SPDX-License-Identifier: GPL-2.0-only

//! A small owner of a function that survives its errors, and ends when it is lost for good:
//!
//! ```text
//! client ADDRESS
//! ```
//!
//! Documentation/arch/s390/zpci-recovery-uapi.rst shows it.

#![forbid(unsafe_code)]

use std::{env, error::Error};
use zpci_recover::{Event, Function, Listener};

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).ok_or("client ADDRESS")?.parse()?;
    let function = Function::open(address)?;
    let listener = Listener::new(&function)?;

    println!("listening");
    loop {
        listener.wait(None)?;
        let mut events = listener.drain()?;

        if events.iter().any(Event::needs_reset) {
            events.extend(listener.recover()?);
            println!("reset");
            // A driver sets up its queues again here.
        }
        for event in &events {
            println!("event {}", event.pec());
            if event.is_loss() {
                return Err("the function is lost".into());
            }
        }
    }
}
