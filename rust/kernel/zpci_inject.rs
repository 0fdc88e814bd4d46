// SPDX-License-Identifier: GPL-2.0-only

//! Error injector: hands zPCI events that a tester has made to the kernel.
//!
//! The events go where the channel report thread brings those of the platform, and one after the
//! other, as there: who is slow to handle an event keeps the next one waiting. That place is the
//! same whether events are handled in C or in Rust.
//!
//! The module that makes the files can be unloaded while some program has one of them open, so what
//! closes them must not be in the module: all of it is here.
//!
//! C header: [`arch/s390/include/asm/pci.h`](srctree/arch/s390/include/asm/pci.h)

use crate::{
    bindings,
    debugfs::{
        BinaryReader,
        Scope,
        Writer, //
    },
    ffi::c_int,
    fmt,
    fs::file,
    prelude::*,
    sync::{
        new_mutex,
        Arc,
        Mutex, //
    },
    uaccess::UserSliceReader, //
};

/// Length of an event (CCDF), in bytes.
const EVENT_SIZE: usize = 32;

/// An event as the platform gives it.
type Event = [u8; EVENT_SIZE];

/// Hands an error event to the kernel, as if the platform had reported it.
///
/// The caller may sleep. With events handled in C this waits until the event has been handled.
fn error(event: &Event) {
    // In C it has an alignment.
    let mut words = Aligned(*event);

    // SAFETY: The pointer is valid for as many bytes as an event has, and for the whole call;
    // the event is copied if it is kept. May sleep, as the caller may.
    unsafe { bindings::zpci_event_error((&raw mut words).cast()) };
}

/// Hands an availability event to the kernel, as if the platform had reported it.
///
/// The caller may sleep. With events handled in C this waits until the event has been handled.
fn availability(event: &Event) {
    let mut words = Aligned(*event);

    // SAFETY: As for error events.
    unsafe { bindings::zpci_event_availability((&raw mut words).cast()) };
}

/// Whether the current task may make events up: it administers the whole system.
fn is_permitted() -> bool {
    // Where there is but one user, that one may.
    #[cfg(not(CONFIG_MULTIUSER))]
    return true;

    // SAFETY: Always safe to call. CAST: Capabilities are numbered below 64.
    #[cfg(CONFIG_MULTIUSER)]
    unsafe {
        bindings::capable(bindings::CAP_SYS_ADMIN as c_int)
    }
}

/// Whether a message that the writer of a file can cause may be logged now.
fn may_log() -> bool {
    #[cfg(not(CONFIG_PRINTK))]
    return false;

    // SAFETY: The name ends in a NUL, and lives forever.
    #[cfg(CONFIG_PRINTK)]
    unsafe {
        bindings::__printk_ratelimit(c"zpci_inject".as_char_ptr()) != 0
    }
}

/// An event where the channel subsystem would have put it.
#[repr(C, align(8))]
struct Aligned(Event);

/// One kind of events: a file that takes one with each write.
struct Kind {
    name: &'static str,
    handle: fn(&Event),
    /// Held while an event is handled, as if by the channel report thread, of which there is one.
    thread: Arc<Mutex<()>>,
}

impl Kind {
    fn refuse(&self, what: fmt::Arguments<'_>) -> Error {
        if may_log() {
            pr_warn!(
                "zpci_inject: {}: wanted one event of {} bytes, in one write at offset 0, not {}\n",
                self.name,
                EVENT_SIZE,
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
        let mut event = [0; EVENT_SIZE];

        if !is_permitted() {
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
            "Each write to one of these files is an event of 32 bytes, big-endian, as the\n",
            "platform reports it:\n",
            "\n",
            "error         an error of a function\n",
            "availability  a change of what can be done with a function\n",
            "\n",
            "offset  length\n",
            "     4       4  function handle; an event with another one is ignored\n",
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

/// The files of the injector, in a directory of debugfs.
pub struct Files {
    error: Kind,
    availability: Kind,
    readme: Readme,
}

impl Files {
    /// Makes the directory. It goes when what is returned does.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    #[inline(never)]
    pub fn new() -> Result<Pin<KBox<Scope<Self>>>> {
        let thread = Arc::pin_init(new_mutex!(()), GFP_KERNEL)?;
        let files = Self {
            error: Kind {
                name: "error",
                handle: error,
                thread: thread.clone(),
            },
            availability: Kind {
                name: "availability",
                handle: availability,
                thread,
            },
            readme: Readme,
        };

        KBox::pin_init(
            Scope::dir(files, c"zpci_inject", |files, directory| {
                directory.write_binary_file(c"error", &files.error);
                directory.write_binary_file(c"availability", &files.availability);
                directory.read_only_file(c"README", &files.readme);
            }),
            GFP_KERNEL,
        )
    }
}
