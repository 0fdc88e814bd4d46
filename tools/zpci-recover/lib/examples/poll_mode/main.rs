// SPDX-License-Identifier: MIT OR Apache-2.0

//! A driver for an NVMe disk that survives errors: it reads and verifies blocks, again and again,
//! while errors are provoked.
//!
//! ```text
//! poll_mode ADDRESS [RECOVERIES [INTERVAL_MS [iommufd|group]]]
//! ```
//!
//! The disk must hold the 64 little-endian words `b * 64 + i` in each block `b`.

#![forbid(unsafe_code)]

mod nvme;
mod registers;
mod ring;

use std::{
    env,
    error::Error,
    process::ExitCode,
    time::{Duration, Instant},
};

use nvme::{Nvme, BLOCK_SIZE};
use zpci_recover::{Address, Function, Interface, Listener, Outcome, Pec, StatusPage, Via};

/// Number of blocks that are read in turn.
const BLOCKS: u64 = 1024;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The arguments of the command line.
struct Options {
    address: Address,
    recoveries: u64,
    interval: Duration,
    via: Option<Via>,
}

impl Options {
    fn parse() -> Result<Self> {
        let mut args = env::args().skip(1);
        let address = args
            .next()
            .ok_or("poll_mode ADDRESS [RECOVERIES [INTERVAL_MS [WAY]]]")?;

        Ok(Self {
            address: address.parse()?,
            recoveries: args.next().map_or(Ok(10), |n| n.parse())?,
            interval: Duration::from_millis(args.next().map_or(Ok(200), |n| n.parse())?),
            via: match args.next().as_deref() {
                None => None,
                Some("iommufd") => Some(Via::Iommufd),
                Some("group") => Some(Via::Group),
                Some(other) => return Err(format!("`{other}` is neither iommufd nor group").into()),
            },
        })
    }
}

#[derive(Default)]
struct Tally {
    reads: u64,
    provoked: u64,
    events: u64,
    recoveries: u64,
    mismatches: u64,
    longest: Duration,
    /// The code of a permanent failure.
    lost: Option<Pec>,
}

fn expected(block: u64) -> [u8; BLOCK_SIZE] {
    let mut bytes = [0; BLOCK_SIZE];

    for (word, at) in (block * 64..).zip(bytes.chunks_exact_mut(8)) {
        at.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Looks for events: by one load if the kernel has a status page.
struct Lookout<'a> {
    listener: &'a Listener<&'a Function>,
    page: Option<StatusPage>,
    generation: u64,
}

impl<'a> Lookout<'a> {
    fn new(listener: &'a Listener<&'a Function>) -> zpci_recover::Result<Self> {
        Ok(Self {
            page: listener.status_page()?,
            generation: 0,
            listener,
        })
    }

    /// Whether there are new events.
    fn look(&mut self) -> zpci_recover::Result<bool> {
        let Some(page) = &self.page else {
            return self.listener.wait(Some(Duration::ZERO));
        };
        let now = page.generation();

        Ok(std::mem::replace(&mut self.generation, now) != now)
    }
}

/// Takes all events and recovers from them. Returns whether the driver must set up the controller
/// again.
fn take(lookout: &mut Lookout<'_>, tally: &mut Tally) -> zpci_recover::Result<bool> {
    if !lookout.look()? {
        return Ok(false);
    }
    let recovery = lookout.listener.recover()?;

    tally.events += recovery.events.len() as u64;
    match recovery.outcome {
        Outcome::Unchanged => return Ok(false),
        Outcome::Reset => (),
        Outcome::Lost(pec) => tally.lost = Some(pec),
    }
    Ok(true)
}

/// Sets the controller up again after a reset.
fn restart(listener: &Listener<&Function>, nvme: &mut Nvme<'_>, tally: &mut Tally) -> Result<()> {
    if let Some(pec) = tally.lost {
        return Err(format!("the function is lost (event code {pec})").into());
    }
    if listener.interface() == Interface::Feature {
        nvme.renew_mapping()?;
    }
    nvme.start()?;
    tally.recoveries += 1;
    Ok(())
}

fn run(options: &Options) -> Result<Tally> {
    let function = match options.via {
        Some(via) => Function::open_via(options.address, via)?,
        None => Function::open(options.address)?,
    };
    let listener = Listener::new(&function)?;
    let mut lookout = Lookout::new(&listener)?;
    let mut nvme = Nvme::new(&function)?;
    nvme.start()?;
    println!(
        "{}, opened by {:?}, events by {:?}, noticed by {}, block size {BLOCK_SIZE}",
        options.address,
        function.via(),
        listener.interface(),
        if lookout.page.is_some() {
            "page"
        } else {
            "poll()"
        },
    );

    let mut tally = Tally::default();
    let (mut last_read, mut last_error) = (Instant::now(), Instant::now());
    let mut interrupted = false;
    let mut block = 0;

    while tally.recoveries < options.recoveries || interrupted {
        if !interrupted && last_error.elapsed() >= options.interval {
            nvme.provoke_error()?;
            tally.provoked += 1;
        }
        match nvme.read(block, || take(&mut lookout, &mut tally))? {
            Some(data) => {
                if interrupted {
                    tally.longest = tally.longest.max(last_read.elapsed());
                    interrupted = false;
                    last_error = Instant::now();
                }
                tally.reads += 1;
                tally.mismatches += u64::from(data != expected(block));
                last_read = Instant::now();
                block = (block + 1) % BLOCKS;
            }
            None => {
                restart(&listener, &mut nvme, &mut tally)?;
                interrupted = true;
            }
        }
    }
    Ok(tally)
}

fn main() -> ExitCode {
    let start = Instant::now();

    match Options::parse().and_then(|options| run(&options)) {
        Ok(tally) => {
            println!(
                "reads {}, errors {}, events {}, recoveries {}, mismatches {}, \
                 longest interruption {:.1} ms, {:.1} s in all",
                tally.reads,
                tally.provoked,
                tally.events,
                tally.recoveries,
                tally.mismatches,
                tally.longest.as_secs_f64() * 1e3,
                start.elapsed().as_secs_f64(),
            );
            ExitCode::from(u8::from(tally.mismatches > 0))
        }
        Err(error) => {
            eprintln!("poll_mode: {error}");
            ExitCode::FAILURE
        }
    }
}
