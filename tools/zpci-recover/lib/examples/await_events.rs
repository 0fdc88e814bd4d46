// SPDX-License-Identifier: MIT OR Apache-2.0

//! Awaits events of a function with Tokio, and recovers from them, while other work goes on:
//!
//! ```text
//! await_events ADDRESS
//! ```

#![forbid(unsafe_code)]

use std::{env, error::Error, time::Duration};

use tokio::time;
use zpci_recover::{AsyncListener, Function, Listener, Outcome};

async fn work() {
    loop {
        time::sleep(Duration::from_millis(1)).await;
    }
}

async fn recover(listener: &AsyncListener<Function>) -> Result<(), Box<dyn Error>> {
    loop {
        listener.wait().await?;
        let recovery = listener.recover().await?;

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

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).ok_or("await_events ADDRESS")?.parse()?;
    let listener = AsyncListener::new(Listener::new(Function::open(address)?)?)?;

    println!("listening");
    tokio::select! {
        result = recover(&listener) => result,
        () = work() => unreachable!("work never ends"),
    }
}
