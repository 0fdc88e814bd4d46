// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::bindings`: the C functions that the kernel's files call, and the platform
//! that they control. The caller holds the locks that a function needs.
#![allow(
    non_camel_case_types,
    non_upper_case_globals,
    reason = "the names are C's"
)]

use crate::{
    prelude::*,
    time::Thing,
    uaccess::UserPtr,
    zpci::{
        platform::{
            config,
            platform,
            Step, //
        },
        Device, //
    }, //
};
use loom::{
    alloc::Track,
    sync::atomic::{
        AtomicBool,
        AtomicU32,
        AtomicU8,
        Ordering::{
            AcqRel,
            Acquire,
            Relaxed,
            Release, //
        }, //
    }, //
};
use std::ffi::{
    c_char,
    CStr, //
};

pub(crate) const PCI_COMMAND: u32 = 4;
pub(crate) const PCI_COMMAND_IO: u32 = 0x1;
pub(crate) const PCI_COMMAND_MEMORY: u32 = 0x2;
pub(crate) const PCI_COMMAND_MASTER: u32 = 0x4;
pub(crate) const PCI_COMMAND_INTX_DISABLE: u32 = 0x400;
pub(crate) const PCI_MSIX_FLAGS: u32 = 2;
pub(crate) const PCI_MSIX_FLAGS_ENABLE: u32 = 0x8000;
pub(crate) const PCI_MSIX_FLAGS_MASKALL: u32 = 0x4000;

/// `pci_channel_io_perm_failure`; the model has numbers of its own.
const LOST: u8 = 2;

pub(crate) type zpci_state = u32;

/// Stands for `struct zpci_dev`.
pub(crate) struct zpci_dev {
    pub(crate) state: zpci_state,
    pub(crate) resets: AtomicU32,
    pub(crate) pdev: AtomicBool,
}

type ConfigSpace = [u32; config::WORDS];

/// `struct pci_saved_state`: a copy of config space. loom complains if it is not freed.
pub(crate) struct pci_saved_state(Track<ConfigSpace>);

/// Stands for `struct pci_dev`.
pub(crate) struct pci_dev {
    zdev: *const Device,
    pub(crate) error_state: AtomicU8,
    pub(crate) saved_config_space: ConfigSpace,
    pub(crate) msix_cap: u8,
    state_saved: bool,
    locked: AtomicBool,
    unlocked: Thing,
}

impl pci_dev {
    pub(crate) fn new(zdev: *const Device) -> Self {
        Self {
            zdev,
            error_state: AtomicU8::new(0),
            saved_config_space: config::FOUND,
            msix_cap: 0,
            state_saved: false,
            locked: AtomicBool::new(false),
            unlocked: Thing::new(),
        }
    }

    fn zdev(&self) -> &Device {
        // SAFETY: The function contains the device, so it is valid.
        unsafe { &*self.zdev }
    }

    /// Interrupts are not part of the model.
    pub(crate) fn msix_enabled(&self) -> u32 {
        0
    }

    pub(crate) fn state_saved(&self) -> u32 {
        self.state_saved.into()
    }

    pub(crate) fn set_state_saved(&mut self, saved: u32) {
        self.state_saved = saved != 0;
    }

    fn try_lock(&self) -> Option<()> {
        self.locked
            .compare_exchange(false, true, AcqRel, Acquire)
            .ok()
            .map(drop)
    }
}

/// The model's workqueue needs no pointer.
pub(crate) fn zpci_workqueue() -> *mut () {
    std::ptr::null_mut()
}

pub(crate) unsafe fn copy_to_user_nofault(to: UserPtr, from: *const c_void, len: usize) -> usize {
    // SAFETY: By the caller's promise.
    to.copy_nofault(unsafe { std::slice::from_raw_parts(from.cast(), len) })
}

pub(crate) unsafe fn pci_dev_trylock(pdev: *mut pci_dev) -> c_int {
    // SAFETY: By the caller's promise.
    let pdev = unsafe { &*pdev };

    pdev.unlocked.attempt(|| pdev.try_lock()).is_some().into()
}

pub(crate) unsafe fn pci_dev_lock(pdev: *mut pci_dev) {
    // SAFETY: By the caller's promise.
    let pdev = unsafe { &*pdev };

    crate::sync::may_sleep();
    pdev.unlocked.wait(|| pdev.try_lock());
}

pub(crate) unsafe fn pci_dev_unlock(pdev: *mut pci_dev) {
    // SAFETY: By the caller's promise.
    let pdev = unsafe { &*pdev };

    pdev.locked.store(false, Release);
    pdev.unlocked.happened();
}

/// Reads a word of config space, or all ones if the device is marked as failed for good.
unsafe fn read(pdev: *mut pci_dev, at: usize) -> u32 {
    // SAFETY: By the caller's promise.
    if unsafe { error_state(pdev) } == LOST {
        u32::MAX
    } else {
        platform().read(at)
    }
}

unsafe fn write(pdev: *mut pci_dev, at: usize, value: u32) {
    // SAFETY: By the caller's promise.
    if unsafe { error_state(pdev) } != LOST {
        platform().write(at, value);
    }
}

pub(crate) unsafe fn pci_read_config_dword(pdev: *mut pci_dev, at: c_int, value: *mut u32) {
    // SAFETY: By the caller's promise.
    unsafe { *value = read(pdev, at as usize / 4) };
}

pub(crate) unsafe fn pci_read_config_word(pdev: *mut pci_dev, at: c_int, value: *mut u16) {
    // SAFETY: By the caller's promise.
    unsafe { *value = read(pdev, at as usize / 4) as u16 };
}

pub(crate) unsafe fn pci_write_config_word(pdev: *mut pci_dev, at: c_int, value: u16) {
    // SAFETY: By the caller's promise.
    unsafe { write(pdev, at as usize / 4, value.into()) };
}

pub(crate) unsafe fn pci_save_state(pdev: *mut pci_dev) {
    for at in 0..config::WORDS {
        if at == config::WORDS - 1 {
            let _ = platform().attempt(Step::BlockedMeanwhile);
        }
        // SAFETY: By the caller's promise.
        unsafe { (*pdev).saved_config_space[at] = read(pdev, at) };
    }
    // SAFETY: By the caller's promise.
    unsafe { (*pdev).state_saved = true };
}

pub(crate) unsafe fn pci_restore_state(pdev: *mut pci_dev) {
    for at in 0..config::WORDS {
        // SAFETY: By the caller's promise.
        unsafe { write(pdev, at, (*pdev).saved_config_space[at]) };
    }
    // SAFETY: By the caller's promise.
    unsafe { (*pdev).state_saved = false };
}

pub(crate) unsafe fn pci_store_saved_state(pdev: *mut pci_dev) -> *mut pci_saved_state {
    crate::sync::may_sleep();
    // SAFETY: By the caller's promise.
    let pdev = unsafe { &*pdev };

    if !pdev.state_saved {
        return std::ptr::null_mut();
    }
    Box::into_raw(Box::new(pci_saved_state(Track::new(
        pdev.saved_config_space,
    ))))
}

pub(crate) unsafe fn pci_load_and_free_saved_state(
    pdev: *mut pci_dev,
    state: *mut *mut pci_saved_state,
) -> c_int {
    // SAFETY: By the caller's promise.
    unsafe {
        (*pdev).state_saved = !(*state).is_null();
        if !(*state).is_null() {
            (*pdev).saved_config_space = *(**state).0.get_ref();
        }
        kfree((*state).cast());
        *state = std::ptr::null_mut();
    }
    0
}

/// The kernel's files free nothing but copies of config space.
pub(crate) unsafe fn kfree(memory: *mut c_void) {
    if !memory.is_null() {
        // SAFETY: By the caller's promise.
        drop(unsafe { Box::from_raw(memory.cast::<pci_saved_state>()) });
    }
}

/// A reset of the function alone, by itself if it answers, or else of its slot.
pub(crate) unsafe fn __pci_reset_function_locked(pdev: *mut pci_dev) -> c_int {
    crate::sync::may_sleep();
    // SAFETY: By the caller's promise.
    let (zdev, answers) = unsafe { ((*pdev).zdev(), read(pdev, 1) != u32::MAX) };
    let in_error = crate::arch::in_error(zdev);
    let mut platform = platform();

    if !platform.resets_itself || !answers {
        drop(platform);
        return number(crate::arch::reset_slot(zdev));
    }
    if let Err(error) = platform.attempt(Step::FunctionReset) {
        return error.to_errno();
    }
    // A device that is in error again is not waited for.
    if in_error {
        return ENOTTY.to_errno();
    }
    platform.reset_inside();
    0
}

pub(crate) unsafe fn clp_refresh_fh(_fid: u32, fh: *mut u32) -> c_int {
    // SAFETY: By the caller's promise.
    unsafe {
        *fh = if platform().gone {
            0
        } else {
            Device::HANDLE.as_raw()
        }
    };
    0
}

pub(crate) unsafe fn zpci_update_fh(_zdev: *mut zpci_dev, _fh: u32) {}

fn condition_code(result: Result) -> c_int {
    result.map_or_else(|_| 3, |()| 0)
}

fn number(result: Result) -> c_int {
    result.map_or_else(Error::to_errno, |()| 0)
}

pub(crate) unsafe fn zpci_reset_load_store_blocked(_zdev: *mut zpci_dev) -> c_int {
    condition_code(platform().unblock())
}

pub(crate) unsafe fn zpci_clear_error_state(_zdev: *mut zpci_dev) -> c_int {
    condition_code(platform().clear_error())
}

pub(crate) unsafe fn zpci_iommu_refresh(_zdev: *mut zpci_dev) -> c_int {
    number(platform().attempt(Step::Translations))
}

pub(crate) unsafe fn zpci_disable_device(zdev: *mut zpci_dev) -> c_int {
    crate::sync::may_sleep();
    let result = platform().disable();

    if result.is_ok() {
        // SAFETY: By the caller's promise.
        unsafe { (*zdev).resets.fetch_add(1, Release) };
    }
    number(result)
}

pub(crate) unsafe fn zpci_hot_reset_device(zdev: *mut zpci_dev) -> c_int {
    if platform().enabled {
        // SAFETY: By the caller's promise.
        let disabled = unsafe { zpci_disable_device(zdev) };

        if disabled != 0 {
            return disabled;
        }
    }
    let enabled = platform().enable();

    if enabled.is_err() {
        return number(enabled);
    }
    let registered = platform().attempt(Step::Register);

    if registered.is_err() {
        // SAFETY: By the caller's promise.
        unsafe { zpci_disable_device(zdev) };
    }
    number(registered)
}

pub(crate) unsafe fn zpci_scan_configured_device(_zdev: *mut zpci_dev, _fh: u32) -> c_int {
    unreachable!()
}

pub(crate) unsafe fn zpci_deconfigure_device(_zdev: *mut zpci_dev) -> c_int {
    unreachable!()
}

pub(crate) unsafe fn zpci_bus_remove_device(zdev: *mut zpci_dev, _set_error: bool) {
    // SAFETY: By the caller's promise.
    unsafe { (*zdev).pdev.store(false, Release) };
}

pub(crate) unsafe fn zpci_device_reserved(_zdev: *mut zpci_dev) {
    unreachable!()
}

/// Logs a report to the platform.
pub(crate) unsafe fn zpci_report_status(
    _zdev: *mut zpci_dev,
    _pdev: *mut pci_dev,
    operation: *const c_char,
    status: *const c_char,
) {
    crate::sync::may_sleep();
    // SAFETY: By the caller's promise.
    let [operation, status] = [operation, status].map(|text| unsafe { CStr::from_ptr(text) });

    log(format!("{operation:?}: {status:?}"));
}

/// Copies a string, cut to the room that there is.
pub(crate) unsafe fn sized_strscpy(to: *mut c_char, from: *const c_char, len: usize) -> isize {
    // SAFETY: By the caller's promise.
    let name = unsafe { CStr::from_ptr(from) }.to_bytes();
    let count = name.len().min(len - 1);

    // SAFETY: By the caller's promise.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, count);
        *to.add(count) = 0;
    }
    count as isize
}

/// Joins three strings: the only caller has this one format.
pub(crate) unsafe fn scnprintf(
    to: *mut c_char,
    len: usize,
    format: *const c_char,
    first: *const c_char,
    second: *const c_char,
    third: *const c_char,
) -> c_int {
    // SAFETY: By the caller's promise.
    let [format, first, second, third] = [format, first, second, third]
        .map(|text| unsafe { CStr::from_ptr(text) }.to_str().unwrap());
    let text = format
        .replacen("%s", first, 1)
        .replacen("%s", second, 1)
        .replacen("%s", third, 1);
    let text = std::ffi::CString::new(text).unwrap();

    assert!(text.as_bytes_with_nul().len() <= len);
    // SAFETY: There is room, as has just been checked.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), to, text.as_bytes_with_nul().len()) };
    text.as_bytes().len() as c_int
}

/// Whether a function has a PCI device.
pub(crate) unsafe fn has_pdev(zdev: *mut zpci_dev) -> bool {
    // SAFETY: By the caller's promise.
    unsafe { (*zdev).pdev.load(Acquire) }
}

/// The channel state of a PCI device, which is read and written at once.
pub(crate) unsafe fn error_state(pdev: *mut pci_dev) -> u8 {
    // SAFETY: By the caller's promise.
    unsafe { (*pdev).error_state.load(Relaxed) }
}

// Constants from `vfio_zdev_error.h`.
pub(crate) const VFIO_ZPCI_ERROR_REGION_VENDOR: u32 = 0x1014;
pub(crate) const VFIO_REGION_SUBTYPE_IBM_ZPCI_ERROR_REGION: u32 = 2;
pub(crate) const VFIO_ZPCI_ERROR_REGION_STATUS: u32 = 4096;
