// SPDX-License-Identifier: MIT OR Apache-2.0

#![doc = include_str!("../README.md")]

#[cfg(feature = "open")]
mod address;
#[cfg(feature = "tokio")]
mod async_listener;
mod ccdf;
#[cfg(feature = "open")]
mod dma;
mod error;
mod event;
#[cfg(feature = "open")]
mod function;
mod info;
mod listener;
mod names;
#[cfg(feature = "open")]
mod open;
mod pec;
mod recovery;
mod reset;
#[cfg(feature = "vfio-ioctls")]
mod rust_vmm;
mod source;
mod status;
#[allow(unsafe_code)]
mod sys;
#[cfg(feature = "open")]
pub mod sysfs;
mod window;

#[cfg(feature = "open")]
pub use address::{Address, ParseAddressError};
#[cfg(feature = "tokio")]
pub use async_listener::AsyncListener;
pub use ccdf::{Access, Ccdf, ParseCcdfError};
#[cfg(feature = "open")]
pub use dma::DmaMemory;
pub use error::{Error, Result};
pub use event::{Event, Record};
#[cfg(feature = "open")]
pub use function::Function;
pub use listener::Listener;
pub use names::{Irq, Region};
#[cfg(feature = "open")]
pub use open::Via;
pub use pec::{ParsePecError, Pec, Severity};
pub use recovery::{Outcome, Recovery};
#[cfg(feature = "vfio-ioctls")]
pub use rust_vmm::RustVmmDevice;
pub use source::Interface;
pub use status::StatusPage;
pub use window::Window;
