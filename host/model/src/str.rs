// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `kernel::str`.

use crate::prelude::*;

pub(crate) struct CString(std::ffi::CString);

impl CString {
    pub(crate) fn try_from_fmt(args: std::fmt::Arguments<'_>) -> Result<Self> {
        crate::sync::may_sleep();
        std::ffi::CString::new(args.to_string())
            .map(Self)
            .map_err(|_| EINVAL)
    }
}

impl std::ops::Deref for CString {
    type Target = CStr;

    fn deref(&self) -> &CStr {
        &self.0
    }
}
