// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::prelude`: errors, memory that can run out, and messages.

pub(crate) use pinned_init::{
    pin_data,
    pin_init, //
};
pub(crate) use std::ffi::CStr;
pub(crate) use std::pin::Pin;
use std::{
    cell::{
        Cell,
        RefCell, //
    },
    ops::{
        Deref,
        DerefMut, //
    }, //
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Error(&'static str);

pub(crate) type Result<T = (), E = Error> = std::result::Result<T, E>;

macro_rules! errors {
    ($($name:ident)*) => {
        $(pub(crate) const $name: Error = Error(stringify!($name));)*
    };
}
errors!(EAGAIN EBUSY EFAULT EINTR EINVAL EIO ENODEV ENOMEM ENOTTY);

#[derive(Debug)]
pub(crate) struct AllocError;

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        ENOMEM
    }
}

thread_local! {
    // All threads of a model run on one thread of the host.
    static EXHAUSTED: Cell<bool> = const { Cell::new(false) };
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// From now on there is no memory, or there is some again.
pub(crate) fn exhaust(exhausted: bool) {
    EXHAUSTED.set(exhausted);
}

pub(crate) fn is_exhausted() -> bool {
    EXHAUSTED.get()
}

fn allocate() -> Result<(), AllocError> {
    crate::sync::may_sleep();
    if is_exhausted() {
        return Err(AllocError);
    }
    Ok(())
}

#[derive(Clone, Copy)]
pub(crate) struct Flags;
pub(crate) const GFP_KERNEL: Flags = Flags;

pub(crate) struct KBox<T>(Box<T>);

impl<T> KBox<T> {
    pub(crate) fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        allocate()?;
        Ok(Self(Box::new(value)))
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

pub(crate) struct KVec<T> {
    items: Vec<T>,
    reserved: usize,
}

impl<T> Default for KVec<T> {
    fn default() -> Self {
        Self::new()
    }
}

pub(crate) struct PushError<T>(pub(crate) T);

pub(crate) struct RemoveError;

impl<T> KVec<T> {
    pub(crate) fn new() -> Self {
        Self {
            items: Vec::new(),
            reserved: 0,
        }
    }

    pub(crate) fn with_capacity(capacity: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut new = Self::new();

        new.reserve(capacity, flags)?;
        Ok(new)
    }

    pub(crate) fn reserve(&mut self, additional: usize, _flags: Flags) -> Result<(), AllocError> {
        if self.items.len() + additional > self.reserved {
            allocate()?;
            self.reserved = self.items.len() + additional;
        }
        Ok(())
    }

    pub(crate) fn push_within_capacity(&mut self, item: T) -> Result<(), PushError<T>> {
        if self.items.len() >= self.reserved {
            return Err(PushError(item));
        }
        self.items.push(item);
        Ok(())
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

impl<T> IntoIterator for KVec<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a KVec<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

pub(crate) fn log(line: String) {
    LOG.with_borrow_mut(|log| log.push(line));
}

/// Returns what was logged since it was last asked for.
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
