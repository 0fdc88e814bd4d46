// SPDX-License-Identifier: GPL-2.0-only

//! Error injector: hands zPCI events that a tester has made to the kernel.
//!
//! The events go where the channel report thread brings those of the platform, and one after the
//! other, as there: who is slow to handle an event keeps the next one waiting.
//!
//! After the kernel's own `aer_inject` and `cio_inject`.

use kernel::{
    debugfs::{
        BinaryReader,
        Scope,
        Writer, //
    },
    fmt,
    fs::file,
    prelude::*,
    sync::{
        new_mutex,
        Arc,
        Mutex, //
    },
    uaccess::UserSliceReader,
    zpci_inject, //
};

module! {
    type: Injector,
    name: "zpci_inject",
    authors: ["The zpci-rs authors"],
    description: "Injector of zPCI events, for tests",
    license: "GPL v2",
}

/// An event as the platform gives it.
type Event = [u8; zpci_inject::EVENT_SIZE];

/// One kind of events: a file that takes one with each write.
struct Kind {
    name: &'static str,
    handle: fn(&Event),
    /// Held while an event is handled, as if by the channel report thread, of which there is one.
    thread: Arc<Mutex<()>>,
}

impl Kind {
    fn refuse(&self, what: fmt::Arguments<'_>) -> Error {
        if zpci_inject::may_log() {
            pr_warn!(
                "{}: expected one event of {} bytes, in one write at offset 0, not {}\n",
                self.name,
                zpci_inject::EVENT_SIZE,
                what
            );
        }
        EINVAL
    }
}

impl BinaryReader for Kind {
    fn read_from_slice(
        &self,
        reader: &mut UserSliceReader,
        offset: &mut file::Offset,
    ) -> Result<usize> {
        let mut event = [0; zpci_inject::EVENT_SIZE];

        if !zpci_inject::is_permitted() {
            return Err(EPERM);
        }
        if *offset != 0 {
            return Err(self.refuse(fmt!("something at offset {}", *offset)));
        }
        if reader.len() != event.len() {
            return Err(self.refuse(fmt!("{} bytes", reader.len())));
        }
        reader.read_slice(&mut event)?;

        let _thread = self.thread.lock();

        // The offset stays 0: each write is a new event.
        (self.handle)(&event);
        Ok(event.len())
    }
}

/// What the directory says of itself.
struct Readme;

impl Writer for Readme {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(concat!(
            "Each write to one of these files is an event of 32 bytes, big-endian, as the platform\n",
            "reports it:\n",
            "\n",
            "error         an error of a function\n",
            "availability  a change of what can be done with a function\n",
            "\n",
            "offset  length\n",
            "     4       4  function handle; an event with another than the function's is ignored\n",
            "     8       4  function ID\n",
            "    12       4  error: type and tag (4 bits), vector (12), DMA space (8),\n",
            "                reserved (6), an address is there (1), it was written to (1)\n",
            "    16       8  error: failing address\n",
            "    30       2  event code\n",
            "\n",
            "All other bytes are 0.\n",
        ))
    }
}

/// The files of the directory.
struct Files {
    error: Kind,
    availability: Kind,
    readme: Readme,
}

struct Injector {
    _directory: Pin<KBox<Scope<Files>>>,
}

impl kernel::Module for Injector {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let thread = Arc::pin_init(new_mutex!(()), GFP_KERNEL)?;
        let files = Files {
            error: Kind {
                name: "error",
                handle: zpci_inject::error,
                thread: thread.clone(),
            },
            availability: Kind {
                name: "availability",
                handle: zpci_inject::availability,
                thread,
            },
            readme: Readme,
        };

        Ok(Self {
            _directory: KBox::pin_init(
                Scope::dir(files, c"zpci_inject", |files, directory| {
                    directory.write_binary_file(c"error", &files.error);
                    directory.write_binary_file(c"availability", &files.availability);
                    directory.read_only_file(c"README", &files.readme);
                }),
                GFP_KERNEL,
            )?,
        })
    }
}
