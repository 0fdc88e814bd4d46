// SPDX-License-Identifier: GPL-2.0-only

//! The event injector: files in debugfs. A test writes the bytes of an event into a file, and the
//! kernel processes the event as if the platform had reported it.
//!
//! The injector calls the same `zpci_event_error()` or `zpci_event_availability()` as the channel
//! report thread does for an event of the platform. The C version and the Rust version both define
//! these functions. On a real machine one thread, the channel report thread, makes all these calls.
//! The injector has no such thread: each write takes a common lock instead, so that a slow call
//! delays the next one here, too.
//!
//! The injector is a module, but its code is in the kernel crate: a file may still be open when the
//! module is unloaded, and the code that closes the file must then still exist.
//!
//! C header: [`arch/s390/include/asm/pci.h`](srctree/arch/s390/include/asm/pci.h)

use crate::{
    bindings,
    debugfs::{
        BinaryReader,
        Scope, //
    },
    fs::file,
    prelude::*,
    sync::{
        new_mutex,
        Arc,
        Mutex, //
    },
    uaccess::UserSliceReader, //
};

/// An event (CCDF), with the alignment that the channel subsystem gives to events.
#[repr(C, align(8))]
struct Event([u8; 32]);

/// Whether the current task has `CAP_SYS_ADMIN`: only such a task may inject events.
fn is_permitted() -> bool {
    // SAFETY: Always safe to call. CAST: The numbers of capabilities are below 64.
    unsafe { bindings::capable(bindings::CAP_SYS_ADMIN as c_int) }
}

/// A file of the injector: each write to the file injects one event.
///
/// # Invariants
///
/// `process` reads only the bytes of an [`Event`], and may be called wherever sleeping is allowed.
struct Kind {
    process: unsafe extern "C" fn(*mut c_void),
    /// The lock that each write takes to inject its event. All files share the lock: on a real
    /// machine one thread, the channel report thread, calls `process` for all events in turn.
    thread: Arc<Mutex<()>>,
}

impl BinaryReader for Kind {
    fn read_from_slice(
        &self,
        reader: &mut UserSliceReader,
        offset: &mut file::Offset,
    ) -> Result<usize> {
        let mut event = Event([0; 32]);

        if !is_permitted() {
            return Err(EPERM);
        }
        // Refuse a write at another offset than 0 or of another length than an event's: each write
        // is one whole event. The offset stays 0 for the next event.
        if *offset != 0 || reader.len() != event.0.len() {
            return Err(EINVAL);
        }
        reader.read_slice(&mut event.0)?;

        let _thread = self.thread.lock();

        // SAFETY: `event` is valid for the whole call, and sleeping is allowed here. By the type
        // invariant `process` needs nothing else.
        unsafe { (self.process)((&raw mut event).cast()) };
        Ok(event.0.len())
    }
}

/// The injector's directory in debugfs, with the files of the directory.
pub struct Files {
    error: Kind,
    availability: Kind,
}

impl Files {
    /// Makes the directory and its files. Releasing the returned value removes the directory and
    /// the files.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] if there is no memory.
    // Not inlined: otherwise the file operations would be in the module, which can be unloaded
    // while a file is open.
    #[inline(never)]
    pub fn new() -> Result<Pin<KBox<Scope<Self>>>> {
        let thread = Arc::pin_init(new_mutex!(()), GFP_KERNEL)?;
        // INVARIANT: `zpci_event_error()` and `zpci_event_availability()` read only the 32 bytes of
        // an event. Both may be called where sleeping is allowed, as in the channel report thread.
        let files = Self {
            error: Kind {
                process: bindings::zpci_event_error,
                thread: thread.clone(),
            },
            availability: Kind {
                process: bindings::zpci_event_availability,
                thread,
            },
        };

        KBox::pin_init(
            Scope::dir(files, c"zpci_inject", |files, directory| {
                directory.write_binary_file(c"error", &files.error);
                directory.write_binary_file(c"availability", &files.availability);
            }),
            GFP_KERNEL,
        )
    }
}
