// SPDX-License-Identifier: GPL-2.0-only

//! Bindings of QEMU's plugin API, version 7. All unsafe code of the plugin is here.
//!
//! QEMU calls the plugin in the threads of its virtual processors, also in several at once. A
//! callback accesses the registers and the memory of the processor whose thread it runs in.

use crate::bell;
use crate::guest::Guest;
use crate::insn::{Insn, Op};
use crate::platform::{Bell, Platform, Verdict};
use std::collections::{HashMap, HashSet};
use std::ffi::{c_char, c_int, c_uint, c_void, CStr};
use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, OnceLock};

#[repr(C)]
struct GByteArray {
    data: *mut u8,
    len: c_uint,
}

#[repr(C)]
struct GArray {
    data: *mut c_char,
    len: c_uint,
}

#[repr(C)]
struct Descriptor {
    handle: *mut c_void,
    name: *const c_char,
    feature: *const c_char,
    read_only: bool,
}

/// The accesses to a processor for which the plugin registers callbacks.
#[repr(C)]
#[allow(dead_code)]
enum Access {
    Nothing,
    Read,
    Write,
    WriteAndGoElsewhere,
}

type Translated = extern "C" fn(*mut c_void, *mut c_void);
type Executed = extern "C" fn(c_uint, *mut c_void);

extern "C" {
    fn g_byte_array_new() -> *mut GByteArray;
    fn g_byte_array_append(array: *mut GByteArray, data: *const u8, len: c_uint)
        -> *mut GByteArray;
    fn g_byte_array_free(array: *mut GByteArray, segment: c_int) -> *mut u8;
    fn g_array_free(array: *mut GArray, segment: c_int) -> *mut c_char;

    fn qemu_plugin_register_vcpu_tb_trans_cb(id: u64, callback: Translated, data: *mut c_void);
    fn qemu_plugin_register_vcpu_insn_exec_cb(
        insn: *mut c_void,
        callback: Executed,
        access: Access,
        data: *mut c_void,
    );
    fn qemu_plugin_tb_n_insns(block: *mut c_void) -> usize;
    fn qemu_plugin_tb_get_insn(block: *mut c_void, index: usize) -> *mut c_void;
    fn qemu_plugin_insn_vaddr(insn: *mut c_void) -> u64;
    fn qemu_plugin_insn_data(insn: *mut c_void, into: *mut c_void, len: usize) -> usize;
    fn qemu_plugin_get_registers() -> *mut GArray;
    fn qemu_plugin_read_register(handle: *mut c_void, into: *mut GByteArray) -> bool;
    fn qemu_plugin_write_register(handle: *mut c_void, from: *mut GByteArray) -> bool;
    fn qemu_plugin_read_memory_vaddr(address: u64, into: *mut GByteArray, len: usize) -> bool;
    fn qemu_plugin_write_memory_vaddr(address: u64, from: *mut GByteArray) -> bool;
    fn qemu_plugin_read_memory_hwaddr(address: u64, into: *mut GByteArray, len: usize) -> c_int;
    fn qemu_plugin_write_memory_hwaddr(address: u64, from: *mut GByteArray) -> c_int;
    fn qemu_plugin_set_pc(address: u64);
}

/// QEMU refuses to load the plugin if it does not support this version of the API.
#[no_mangle]
#[allow(non_upper_case_globals)]
pub static qemu_plugin_version: c_int = 7;

static PLATFORM: OnceLock<Mutex<Platform>> = OnceLock::new();

fn platform() -> MutexGuard<'static, Platform> {
    let platform = PLATFORM.get().expect("installed first");
    platform.lock().expect("a panic ends QEMU")
}

/// A GLib array of bytes, the form in which QEMU takes and returns them.
struct Bytes(*mut GByteArray);

impl Bytes {
    fn new(content: &[u8]) -> Self {
        // SAFETY: The array is new, and only this call has it; `content` is valid for its length.
        unsafe {
            let array = g_byte_array_new();
            g_byte_array_append(array, content.as_ptr(), content.len() as c_uint);
            Bytes(array)
        }
    }

    /// Copies the bytes of QEMU's answer; false if there are fewer.
    fn copy_to(&self, into: &mut [u8]) -> bool {
        // SAFETY: The array lives as long as `self`, and QEMU does not keep it.
        let (data, len) = unsafe { ((*self.0).data, (*self.0).len as usize) };
        if len < into.len() || data.is_null() {
            return false;
        }
        // SAFETY: `data` is valid for `len` bytes, of which these are the first.
        into.copy_from_slice(unsafe { std::slice::from_raw_parts(data, into.len()) });
        true
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        // SAFETY: The array was made by `new`, and is not used after this.
        unsafe { g_byte_array_free(self.0, 1) };
    }
}

/// QEMU's handles of the registers, which are the same for each processor.
struct Registers {
    general: [usize; 16],
    /// The mask of the PSW, which contains the condition code.
    mask: usize,
}

static REGISTERS: OnceLock<Registers> = OnceLock::new();

impl Registers {
    fn find() -> Self {
        let mut found = HashMap::new();
        // SAFETY: This runs in a callback of a processor, where the API allows this call. The array
        // has `len` descriptors of API 7, whose names QEMU never frees.
        unsafe {
            let array = qemu_plugin_get_registers();
            let first = (*array).data.cast::<Descriptor>();
            for index in 0..(*array).len as usize {
                let descriptor = &*first.add(index);
                let name = CStr::from_ptr(descriptor.name).to_string_lossy();
                found.insert(name.into_owned(), descriptor.handle as usize);
            }
            g_array_free(array, 1);
        }
        let handle = |name: &str| found[name];
        Registers {
            general: std::array::from_fn(|number| handle(&format!("r{number}"))),
            mask: handle("pswm"),
        }
    }

    fn read(handle: usize) -> u64 {
        let bytes = Bytes::new(&[]);
        let mut raw = [0; 8];
        // SAFETY: QEMU has made the handle, and the callbacks were registered with access to
        // registers.
        let done = unsafe { qemu_plugin_read_register(handle as *mut c_void, bytes.0) };
        assert!(done && bytes.copy_to(&mut raw), "no register");
        u64::from_be_bytes(raw)
    }

    fn write(handle: usize, value: u64) {
        let bytes = Bytes::new(&value.to_be_bytes());
        // SAFETY: QEMU has made the handle, and the callbacks were registered with access to
        // registers.
        let done = unsafe { qemu_plugin_write_register(handle as *mut c_void, bytes.0) };
        assert!(done, "no register");
    }
}

/// The processor in whose thread the callback runs.
struct Processor(&'static Registers);

impl Processor {
    fn current() -> Self {
        Processor(REGISTERS.get_or_init(Registers::find))
    }
}

const CODE_AT: u32 = 44;

impl Guest for Processor {
    fn register(&self, number: usize) -> u64 {
        Registers::read(self.0.general[number])
    }

    fn set_register(&mut self, number: usize, value: u64) {
        Registers::write(self.0.general[number], value);
    }

    fn condition_code(&self) -> u8 {
        (Registers::read(self.0.mask) >> CODE_AT) as u8 & 3
    }

    fn set_condition_code(&mut self, code: u8) {
        let rest = Registers::read(self.0.mask) & !(3 << CODE_AT);
        Registers::write(self.0.mask, rest | u64::from(code) << CODE_AT);
    }

    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        let bytes = Bytes::new(&[]);
        // SAFETY: QEMU checks the address; the array belongs to this call.
        let done = unsafe { qemu_plugin_read_memory_vaddr(address, bytes.0, into.len()) };
        done && bytes.copy_to(into)
    }

    fn write(&mut self, address: u64, from: &[u8]) -> bool {
        let bytes = Bytes::new(from);
        // SAFETY: QEMU checks the address; the array belongs to this call.
        unsafe { qemu_plugin_write_memory_vaddr(address, bytes.0) }
    }

    fn read_absolute(&self, address: u64, into: &mut [u8]) -> bool {
        let bytes = Bytes::new(&[]);
        // SAFETY: QEMU checks the address; the array belongs to this call. 0 is success.
        let result = unsafe { qemu_plugin_read_memory_hwaddr(address, bytes.0, into.len()) };
        result == 0 && bytes.copy_to(into)
    }

    fn write_absolute(&mut self, address: u64, from: &[u8]) -> bool {
        let bytes = Bytes::new(from);
        // SAFETY: QEMU checks the address; the array belongs to this call. 0 is success.
        unsafe { qemu_plugin_write_memory_hwaddr(address, bytes.0) == 0 }
    }
}

/// The instructions in the guest's code that the plugin handles.
#[derive(Default)]
struct Places {
    instructions: HashMap<Insn, &'static Insn>,
    /// The addresses behind those instructions, at which QEMU calls `ended`.
    ends: HashSet<u64>,
}

static PLACES: OnceLock<Mutex<Places>> = OnceLock::new();

extern "C" fn translated(block: *mut c_void, _: *mut c_void) {
    let places = PLACES.get_or_init(Mutex::default);
    let mut places = places.lock().expect("a panic ends QEMU");
    // SAFETY: QEMU gives a block that is valid during this call.
    let len = unsafe { qemu_plugin_tb_n_insns(block) };
    for index in 0..len {
        let mut bytes = [0; 6];
        // SAFETY: The index is less than the number of instructions; QEMU copies six bytes at most.
        let (insn, pc) = unsafe {
            let insn = qemu_plugin_tb_get_insn(block, index);
            qemu_plugin_insn_data(insn, bytes.as_mut_ptr().cast(), bytes.len());
            (insn, qemu_plugin_insn_vaddr(insn))
        };
        if places.ends.contains(&pc) {
            let data = pc as *mut c_void;
            // SAFETY: The callback takes the address as a number and does not access it.
            unsafe { qemu_plugin_register_vcpu_insn_exec_cb(insn, ended, Access::Write, data) };
        }
        let Some(found) = Insn::decode(pc, bytes) else {
            continue;
        };
        if found.op != Op::Call {
            places.ends.insert(found.next());
        }
        // QEMU translates a block many times. Each instruction is stored once, and never freed.
        let kept = places.instructions.entry(found);
        let kept: &'static Insn = kept.or_insert_with(|| Box::leak(Box::new(found)));
        let data = std::ptr::from_ref(kept).cast_mut().cast();
        // SAFETY: The callback gets an `Insn` that is never freed.
        unsafe {
            qemu_plugin_register_vcpu_insn_exec_cb(
                insn,
                executing,
                Access::WriteAndGoElsewhere,
                data,
            );
        }
    }
}

extern "C" fn executing(_: c_uint, data: *mut c_void) {
    // SAFETY: `translated` has registered this callback with a pointer of this type.
    let insn = unsafe { &*data.cast::<Insn>() };
    let mut guest = Processor::current();
    if insn.op == Op::Call {
        call(&mut guest);
        return;
    }
    let (delay, verdict) = platform().before(&mut guest, insn);
    std::thread::sleep(delay);
    if verdict == Verdict::Answered {
        // SAFETY: The callback may write registers. The call does not return, and no value of this
        // function needs to be dropped then.
        unsafe { qemu_plugin_set_pc(insn.next()) };
        platform().complain("QEMU did not go on behind an instruction");
    }
}

extern "C" fn ended(_: c_uint, pc: *mut c_void) {
    platform().after(&mut Processor::current(), pc as u64);
}

/// Called when a program of the guest gives the plugin a command. Register 2 has the address of a
/// command, which ends with a zero byte, and register 3 the length of the buffer. The answer
/// replaces the command. Register 3 is then 0, 1 if the command was wrong, or 2 if it could not be
/// read.
fn call(guest: &mut Processor) {
    let (address, room) = (guest.register(2), guest.register(3));
    let mut raw = vec![0; room.min(4096) as usize];
    if !guest.read(address, &mut raw) {
        guest.set_register(3, 2);
        return;
    }
    let len = raw.iter().position(|byte| *byte == 0).unwrap_or(0);
    let line = String::from_utf8_lossy(&raw[..len]);
    let (text, result) = match platform().command(&line) {
        Ok(text) => (text, 0),
        Err(text) => (text, 1),
    };
    raw.fill(0);
    let len = text.len().min(raw.len().saturating_sub(1));
    raw[..len].copy_from_slice(&text.as_bytes()[..len]);
    let result = if guest.write(address, &raw) {
        result
    } else {
        2
    };
    guest.set_register(3, result);
}

/// QEMU loads the plugin with `profile=NAME,bell=FID,qmp=SOCKET,log=FILE,do=COMMAND...`.
///
/// # Safety
///
/// QEMU calls this once, with `argc` strings.
#[no_mangle]
pub unsafe extern "C" fn qemu_plugin_install(
    id: u64,
    _: *const c_void,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let count = usize::try_from(argc).unwrap_or(0);
    let arguments = (0..count).map(|index| {
        // SAFETY: By the caller's promise there are `argc` strings.
        let text = unsafe { CStr::from_ptr(*argv.add(index)) };
        text.to_string_lossy().into_owned()
    });
    match install(arguments) {
        Ok(()) => {
            // SAFETY: The callback has the type of API 7.
            unsafe {
                qemu_plugin_register_vcpu_tb_trans_cb(id, translated, std::ptr::null_mut());
            }
            0
        }
        Err(text) => {
            eprintln!("zpci-platform: {text}");
            1
        }
    }
}

fn install(arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let (mut profile, mut log, mut socket) = (None, None, None);
    let mut bell = None;
    let mut more = Vec::new();
    for argument in arguments {
        match argument.split_once('=') {
            Some(("profile", name)) => profile = Some(name.to_owned()),
            Some(("do", command)) => more.push(command.to_owned()),
            Some(("bell", fid)) => bell = fid.parse().ok(),
            Some(("qmp", path)) => socket = Some(path.to_owned()),
            Some(("log", path)) => log = Some(path.to_owned()),
            _ => return Err(format!("what is {argument}?")),
        }
    }
    let profile = profile.ok_or("profile is missing")?;
    let socket = socket.ok_or("qmp is missing")?;
    let fid = bell.ok_or("bell is missing")?;
    let path = log.ok_or("log is missing")?;
    let mut file = File::create(&path).map_err(|error| format!("{path}: {error}"))?;
    let start = std::time::Instant::now();
    let log = move |text: &str| {
        let ms = start.elapsed().as_millis();
        // An error is ignored: a full disk must not end QEMU.
        let _ = writeln!(file, "{ms:6} {text}");
    };
    let mut control = None;
    let bell = Bell {
        fid,
        ring: Box::new(move || bell::ring(&socket, &mut control)),
    };
    let mut platform = Platform::new(bell, Box::new(log));
    platform.start(&profile, &more)?;
    if PLATFORM.set(Mutex::new(platform)).is_err() {
        return Err("it is loaded already".into());
    }
    Ok(())
}
