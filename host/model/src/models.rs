// SPDX-License-Identifier: GPL-2.0-only

//! Code that several of the models share.

mod delivery;
mod queues;
mod recovery;
mod reset;

use crate::{
    arch,
    prelude::*,
    sync::{
        self,
        aref::ARef, //
    },
    time,
    uaccess::Memory,
    vfio::pci::CoreDevice,
    workqueue::Queue,
    zdev,
    zpci::{
        platform::{
            self,
            platform, //
        },
        Ccdf,
        Device,
        Recovery, //
    }, //
};
use loom::{
    model::Builder,
    thread::{
        self,
        JoinHandle, //
    }, //
};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::Arc,
    time::Instant, //
};

const RECOVERABLE: u16 = 0x3a;
const PERMANENT: u16 = 0x3b;

thread_local! {
    static REACHED: RefCell<BTreeMap<&'static str, usize>> = const { RefCell::new(BTreeMap::new()) };
}

/// Counts an outcome that a model has reached.
fn reach(end: &'static str) {
    REACHED.with_borrow_mut(|reached| *reached.entry(end).or_default() += 1);
}

/// Runs `model` in each order in which its threads can reach their locks and atomics. A thread that
/// could go on is interrupted at most as often as `switches` says: the first number, or the second
/// one if `MODEL_LONG` is set. Each of the `ends` must be reached in at least one order.
fn check(
    name: &str,
    switches: [usize; 2],
    ends: &[&'static str],
    model: impl Fn() + Send + Sync + 'static,
) {
    let switches =
        switches[usize::from(std::env::var("MODEL_LONG").is_ok_and(|long| !long.is_empty()))];
    let begin = Instant::now();
    let mut builder = Builder::new();

    REACHED.take();
    builder.preemption_bound = Some(switches);
    builder.max_branches = 100_000;
    builder.check(move || {
        reach("orders");
        logged();
        time::reset();
        sync::reset();
        arch::init();
        model();
        assert_eq!(Device::alive(), 0, "a reference is left");
    });

    let mut reached = REACHED.take();

    for end in ends {
        assert!(reached.contains_key(end), "never reached: {end}");
    }
    println!(
        "model: {name}: {} orders with up to {} switches, {:.1} s {}",
        reached.remove("orders").unwrap(),
        switches,
        begin.elapsed().as_secs_f32(),
        if reached.is_empty() {
            String::new()
        } else {
            format!("{reached:?}")
        }
    );
}

fn ccdf(number: u64, code: u16) -> [u8; Ccdf::SIZE] {
    let mut bytes = [0; Ccdf::SIZE];

    bytes[4..8].copy_from_slice(&Device::HANDLE.as_raw().to_be_bytes());
    bytes[16..24].copy_from_slice(&number.to_be_bytes());
    bytes[30..].copy_from_slice(&code.to_be_bytes());
    bytes
}

/// Makes an event with this number in its bytes, so that models can tell events apart.
fn event(number: u64, code: u16) -> Ccdf {
    Ccdf::new(ccdf(number, code))
}

/// A record that a reader of the error region has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    number: u64,
    sequence: u64,
    flags: u16,
    dropped: u32,
}

const HOST_RECOVERED: u16 = 1 << 2;
const STALE: u16 = 1 << 3;
const UNATTENDED: u16 = 1 << 4;

/// A function and its vfio device.
#[derive(Clone)]
struct World {
    zdev: ARef<Device>,
    device: Arc<CoreDevice>,
}

impl World {
    /// Makes a function that is not open. `guest` says whether KVM will have the opened function.
    fn new(guest: bool) -> Self {
        let zdev = Device::new();
        let device = Arc::new(CoreDevice::new(&zdev, guest));

        Self { zdev, device }
    }

    /// Makes a function that user space has opened.
    fn open() -> Self {
        let world = Self::new(false);

        zdev::open(&world.device).unwrap();
        world
    }

    /// Makes a function that user space has opened; its owner listens.
    fn listening() -> Self {
        let world = Self::open();

        zdev::set_eventfd(&world.device, true);
        world
    }

    fn recovery(&self) -> &Recovery {
        self.zdev.recovery()
    }

    /// Calls `f` in another thread.
    fn spawn<R: 'static>(&self, f: impl FnOnce(&Self) -> R + 'static) -> JoinHandle<R> {
        let world = self.clone();

        thread::spawn(move || f(&world))
    }

    /// Raises one event after the other in another thread.
    fn raise(&self, events: impl IntoIterator<Item = Ccdf> + 'static) -> JoinHandle<()> {
        self.spawn(|world| {
            for event in events {
                platform::raise(&world.zdev, event);
            }
        })
    }

    fn try_read(&self, memory: Memory) -> Result<Option<Found>> {
        let record = zdev::read(&self.zdev, 0, memory)?;
        let found = Found {
            number: u64::from_be_bytes(record[48..56].try_into().unwrap()),
            sequence: u64::from_ne_bytes(record[16..24].try_into().unwrap()),
            flags: u16::from_ne_bytes(record[2..4].try_into().unwrap()),
            dropped: u32::from_ne_bytes(record[12..16].try_into().unwrap()),
        };

        Ok((found.flags & 1 != 0).then_some(found))
    }

    /// Reads the error region; [`None`] if there is no event.
    fn read(&self) -> Option<Found> {
        self.try_read(Memory::Present).unwrap()
    }

    /// Reads the error region into memory that cannot be written to; the read fails.
    fn read_in_vain(&self) {
        assert!(matches!(self.try_read(Memory::Forbidden), Err(EFAULT)));
    }

    fn read_all_into(&self, memory: Memory) -> Vec<Found> {
        std::iter::from_fn(|| self.try_read(memory).unwrap()).collect()
    }

    /// Reads events until there are none.
    fn read_all(&self) -> Vec<Found> {
        self.read_all_into(Memory::Present)
    }
}

/// The worker thread, which processes events.
struct Worker(JoinHandle<()>);

impl Worker {
    fn begin() -> Self {
        Self(thread::spawn(|| Queue::get().work()))
    }

    /// Processes all events that are queued, and ends the thread.
    fn end(self) {
        Queue::get().end();
        self.0.join().unwrap();
    }
}

fn numbers(found: &[Found]) -> Vec<u64> {
    found.iter().map(|found| found.number).collect()
}

fn in_order(found: &[Found]) -> bool {
    found.is_sorted_by(|a, b| a.sequence < b.sequence && a.number < b.number)
}
