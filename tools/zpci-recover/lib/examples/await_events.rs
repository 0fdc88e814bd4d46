// SPDX-License-Identifier: GPL-2.0-only

//! Awaits events of a function with Tokio, and recovers from them, while other work goes on:
//!
//! ```text
//! await_events ADDRESS EVENTS
//! ```

#![forbid(unsafe_code)]

use std::{env, error::Error, time::Duration};

use tokio::time;
use zpci_recover::{AsyncListener, Function, Listener};

async fn work() {
    loop {
        time::sleep(Duration::from_millis(1)).await;
    }
}

async fn recover(listener: &mut AsyncListener<Function>, events: u64) -> zpci_recover::Result<()> {
    for _ in 0..events {
        let event = listener.next().await?;

        println!("event {:?}", event.ccdf());
        if event.needs_reset() {
            listener.get_ref().recover()?;
            println!("recovered");
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let usage = "await_events ADDRESS EVENTS";
    let address = args.next().ok_or(usage)?.parse()?;
    let events = args.next().ok_or(usage)?.parse()?;
    let mut listener = AsyncListener::new(Listener::new(Function::open(address)?)?)?;

    println!("waiting");
    tokio::select! {
        result = recover(&mut listener, events) => Ok(result?),
        () = work() => unreachable!("work never ends"),
    }
}
