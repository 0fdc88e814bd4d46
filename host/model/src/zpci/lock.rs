// SPDX-License-Identifier: GPL-2.0-only

//! Stands for `lock.rs` and `driver.rs`: the same guards, with the same order between the steps
//! of a reset. The driver is vfio-pci.

use super::{
    Device,
    Function,
    FunctionHandle, //
};
use crate::{
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        ArcBorrow, //
    },
    time::Change, //
};
use loom::sync::MutexGuard;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelState {
    Normal,
    Frozen,
    PermanentFailure,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErsResult {
    None,
    CanRecover,
    NeedReset,
    Disconnect,
    Recovered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Config {
    Kept,
    Saved,
}

pub(crate) struct StateGuard<'a> {
    zdev: &'a Device,
    _guard: MutexGuard<'a, ()>,
    _change: Change,
}

impl<'a> StateGuard<'a> {
    pub(super) fn new(zdev: &'a Device, guard: MutexGuard<'a, ()>) -> Self {
        Self {
            zdev,
            _guard: guard,
            _change: Change,
        }
    }

    pub(crate) fn zdev(&self) -> &'a Device {
        self.zdev
    }

    pub(crate) fn query_fh(&self) -> Result<FunctionHandle> {
        Ok(self.zdev.fh())
    }

    pub(crate) fn update_fh(&self, handle: FunctionHandle) {
        assert_eq!(handle, self.zdev.fh());
    }

    pub(crate) fn pdev(&self) -> Option<ARef<pci::Device>> {
        Some(ARef(std::sync::Arc::new(pci::Device::of(self.zdev))))
    }

    pub(crate) fn try_lock_device<'s>(&'s self, pdev: &'s pci::Device) -> Option<DeviceGuard<'s>> {
        Some(DeviceGuard {
            _guard: pdev.zdev.device_lock.try_lock()?,
            _change: Change,
            state: self,
            pdev,
        })
    }

    pub(crate) fn wait_for_device(self, pdev: &pci::Device) {
        drop(self);
        drop(pdev.zdev.device_lock.lock());
    }

    pub(crate) fn unblock_load_store(&self) -> Result {
        Ok(())
    }

    pub(crate) fn clear_error(&self) -> Result {
        super::unblock();
        Ok(())
    }
}

pub(crate) struct DeviceGuard<'a> {
    state: &'a StateGuard<'a>,
    pdev: &'a pci::Device,
    _guard: MutexGuard<'a, ()>,
    _change: Change,
}

impl<'a> DeviceGuard<'a> {
    pub(crate) fn state(&self) -> &StateGuard<'a> {
        self.state
    }

    pub(crate) fn pdev(&self) -> &'a pci::Device {
        self.pdev
    }

    pub(crate) fn driver(&self) -> Option<Driver<'_>> {
        Some(Driver(self))
    }

    pub(crate) fn channel_state(&self) -> ChannelState {
        super::channel_state(self.pdev)
    }

    pub(crate) fn set_channel_state(&self, state: ChannelState) {
        self.pdev.zdev.set_channel_state(state);
    }

    pub(crate) fn hot_reset(&self) -> Result {
        super::unblock();
        Ok(())
    }

    pub(crate) fn reset(&self, function: ArcBorrow<'_, Function>, _config: Config) -> Result {
        let result = self.reset_alone(&function);

        function.report_reset(self, result.is_ok());
        result
    }

    fn reset_alone(&self, function: &Function) -> Result {
        self.set_channel_state(ChannelState::Frozen);
        function.note_reset();
        self.hot_reset()?;
        self.set_channel_state(ChannelState::Normal);
        if !super::config_accessible(self.pdev) {
            self.set_channel_state(ChannelState::PermanentFailure);
            return Err(EIO);
        }
        Ok(())
    }
}

pub(crate) struct Driver<'a>(&'a DeviceGuard<'a>);

impl Driver<'_> {
    pub(crate) fn name(&self) -> &'static CStr {
        c"vfio-pci"
    }

    pub(crate) fn handles_errors(&self) -> bool {
        true
    }

    pub(crate) fn error_detected(&self) -> Option<ErsResult> {
        crate::sync::may_sleep();
        self.0.pdev().zdev.signal();
        Some(ErsResult::CanRecover)
    }

    pub(crate) fn mmio_enabled(&self) -> Option<ErsResult> {
        None
    }

    pub(crate) fn slot_reset(&self) -> Option<ErsResult> {
        None
    }

    pub(crate) fn resume(&self) {}
}
