// SPDX-License-Identifier: GPL-2.0-only

//! Event injector: files in debugfs. Bytes that a test writes there reach the kernel as an event.
//!
//! An event is passed to the function that the channel report thread calls for an event of the
//! platform. The C and the Rust version both define that function. As in that thread, a slow event
//! makes the next one wait.
//!
//! All code is in the kernel crate, although the injector is a module: a file may still be open
//! when the module is unloaded, and the code that closes the file must still exist then.
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

/// An event (CCDF), aligned like an event of the channel subsystem.
#[repr(C, align(8))]
struct Event([u8; 32]);

/// Whether the current task administers the whole system. Only such a task may make up events.
fn is_permitted() -> bool {
    // SAFETY: Always safe to call. CAST: Capabilities are numbered below 64.
    unsafe { bindings::capable(bindings::CAP_SYS_ADMIN as c_int) }
}

/// A file that takes one event with each write.
///
/// # Invariants
///
/// `process` reads the bytes of an event, and may be called wherever sleeping is allowed.
struct Kind {
    process: unsafe extern "C" fn(*mut c_void),
    /// Stands for the channel report thread: all files share this lock.
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
        // The offset stays 0: each write is a new event.
        if *offset != 0 || reader.len() != event.0.len() {
            return Err(EINVAL);
        }
        reader.read_slice(&mut event.0)?;

        let _thread = self.thread.lock();

        // SAFETY: The event is valid for the whole call. The rest is the type invariant.
        unsafe { (self.process)((&raw mut event).cast()) };
        Ok(event.0.len())
    }
}

/// The injector's directory in debugfs, with its files.
pub struct Files {
    error: Kind,
    availability: Kind,
}

impl Files {
    /// Makes the directory. It is removed when the returned value is dropped.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    // Not inlined: otherwise the files' operations would be in the module, which can be unloaded
    // while a file is open.
    #[inline(never)]
    pub fn new() -> Result<Pin<KBox<Scope<Self>>>> {
        let thread = Arc::pin_init(new_mutex!(()), GFP_KERNEL)?;
        // INVARIANT: Both functions read the 32 bytes of an event. The channel report thread calls
        // them, too, and may sleep.
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
