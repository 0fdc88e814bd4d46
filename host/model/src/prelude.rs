// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::prelude` and `kernel::error`: errors, memory, and messages.

pub(crate) use pinned_init::{
    pin_data,
    pin_init,
    try_pin_init, //
};
use pinned_init::{
    InPlaceWrite,
    PinInit, //
};
pub(crate) use std::ffi::{
    c_char,
    c_int,
    c_void,
    CStr, //
};
pub(crate) use std::pin::Pin;
use std::{
    cell::RefCell,
    convert::Infallible,
    ops::{
        Deref,
        DerefMut, //
    }, //
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Error(c_int);

pub(crate) type Result<T = (), E = Error> = std::result::Result<T, E>;

macro_rules! errors {
    ($($name:ident = $number:literal)*) => {
        $(pub(crate) const $name: Error = Error(-$number);)*
    };
}
errors!(EINTR = 4 EIO = 5 EAGAIN = 11 ENOMEM = 12 EFAULT = 14 ENODEV = 19 EINVAL = 22 ENOTTY = 25);

impl Error {
    pub(crate) fn to_errno(self) -> c_int {
        self.0
    }
}

pub(crate) fn to_result(number: c_int) -> Result {
    match number {
        0 => Ok(()),
        _ => Err(Error(number)),
    }
}

#[derive(Debug)]
pub(crate) struct AllocError;

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        ENOMEM
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Flags;
pub(crate) const GFP_KERNEL: Flags = Flags;

pub(crate) struct KBox<T>(Box<T>);

impl<T> KBox<T> {
    pub(crate) fn pin_init<E>(init: impl PinInit<T, E>, _flags: Flags) -> Result<Pin<Self>>
    where
        Error: From<E>,
    {
        crate::sync::may_sleep();
        let memory = Box::new_uninit().write_pin_init(init)?;

        // SAFETY: The memory is never moved.
        Ok(unsafe { Pin::new_unchecked(Self(Pin::into_inner_unchecked(memory))) })
    }
}

impl<T> Drop for KBox<T> {
    fn drop(&mut self) {
        crate::sync::may_sleep();
    }
}

impl<T> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for KBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// A vector that never grows beyond its capacity.
pub(crate) struct KVec<T> {
    items: Vec<T>,
    capacity: usize,
}

pub(crate) struct PushError<T>(pub(crate) T);

#[derive(Debug)]
pub(crate) struct RemoveError;

impl<T> KVec<T> {
    pub(crate) fn with_capacity(capacity: usize, _flags: Flags) -> Result<Self, AllocError> {
        crate::sync::may_sleep();
        Ok(Self {
            items: Vec::new(),
            capacity,
        })
    }

    pub(crate) fn push_within_capacity(&mut self, item: T) -> Result<(), PushError<T>> {
        if self.items.len() >= self.capacity {
            return Err(PushError(item));
        }
        self.items.push(item);
        Ok(())
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.items.pop()
    }

    pub(crate) fn remove(&mut self, i: usize) -> Result<T, RemoveError> {
        if i >= self.items.len() {
            return Err(RemoveError);
        }
        Ok(self.items.remove(i))
    }
}

impl<T> Deref for KVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

thread_local! {
    // Not synchronized: all threads of a model run on one thread of the host.
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn log(line: String) {
    LOG.with_borrow_mut(|log| log.push(line));
}

/// Returns the messages since the last call.
pub(crate) fn logged() -> Vec<String> {
    LOG.take()
}

macro_rules! pr_info {
    ($($arg:tt)*) => {
        $crate::prelude::log(format!($($arg)*))
    };
}
pub(crate) use pr_info;
pub(crate) use pr_info as pr_err;

pub(crate) use format_args as fmt;

pub(crate) trait CStrExt {
    fn as_char_ptr(&self) -> *const std::ffi::c_char;
}

impl CStrExt for CStr {
    fn as_char_ptr(&self) -> *const std::ffi::c_char {
        self.as_ptr()
    }
}
