// SPDX-License-Identifier: GPL-2.0-only

//! A function as firmware knows it: its handle, its error state and its availability.

use crate::config::Config;
use crate::identity::Identity;
use crate::sriov::Sriov;

/// The bit of a handle that says that the function is enabled.
pub const ENABLED: u32 = 0x8000_0000;
const INSTANCE_MOST: u8 = 0x7f;

/// Status codes of loads and stores.
pub const PERMANENT: u8 = 8;
pub const BLOCKED: u8 = 12;
/// Status codes of MPCIFC: wrong order, and not before the recovery from an error.
pub const SEQUENCE: u8 = 24;
pub const RECOVER_FIRST: u8 = 40;

/// Operations of MPCIFC (Modify PCI Function Controls).
pub const REGISTER_INTERRUPTS: u8 = 2;
pub const REGISTER_TRANSLATION: u8 = 4;
pub const REREGISTER_TRANSLATION: u8 = 6;
pub const RESET_ERROR: u8 = 7;
pub const UNBLOCK: u8 = 9;

/// A fault of the function that QEMU does not know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The function is in error; loads and stores are blocked.
    Error,
    /// The function is in error; loads and stores work.
    Unblocked,
    /// The function has failed for good: nothing works until it is configured anew.
    Permanent,
    /// The function is enabled but silent: loads return all ones.
    Silent,
}

/// Whether the guest has the function, or may have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    Configured,
    /// The guest knows the function, and may ask for it.
    Standby,
    /// Another system has the function; the guest does not see it.
    Reserved,
}

impl Availability {
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "configured" => Some(Availability::Configured),
            "standby" => Some(Availability::Standby),
            "reserved" => Some(Availability::Reserved),
            _ => None,
        }
    }
}

pub struct Function {
    pub fid: u32,
    /// QEMU's handle, whose instance bits are always 0.
    qemu: u32,
    instance: u8,
    /// The number of enables and disables that QEMU is executing now. Meanwhile QEMU's handle may
    /// be newer than `qemu`.
    pub changing: u32,
    pub fault: Fault,
    /// The availability, if firmware has changed it and QEMU has not.
    availability: Option<Availability>,
    /// Firmware has disabled the function, but QEMU still has it enabled.
    taken: bool,
    /// Answers to queries that differ from QEMU's.
    pub identity: Identity,
    /// The SR-IOV capability, if this is a physical function.
    pub sriov: Option<Sriov>,
    pub is_virtual: bool,
    /// The text of the guest's last report about the function.
    pub notification: String,
    /// QEMU's own error state, as far as the results of instructions show it.
    pub blocked: bool,
    pub unblocked: bool,
    pub config: Config,
}

impl Function {
    pub fn new(fid: u32, qemu: u32) -> Self {
        Function {
            fid,
            qemu,
            instance: 0,
            changing: 0,
            fault: Fault::None,
            availability: None,
            taken: false,
            identity: Identity::default(),
            sriov: None,
            is_virtual: false,
            notification: String::new(),
            blocked: false,
            unblocked: false,
            config: Config::default(),
        }
    }

    pub fn is_enabled(&self) -> bool {
        self.qemu & ENABLED != 0 && !self.taken
    }

    pub fn is_taken(&self) -> bool {
        self.taken
    }

    pub fn availability(&self) -> Option<Availability> {
        self.availability
    }

    /// Firmware takes the function from the guest, or gives it back with a new handle.
    pub fn becomes(&mut self, availability: Availability, renew: bool) {
        // An enabled function is configured already.
        if self.is_enabled() && availability == Availability::Configured {
            return;
        }
        self.taken |= self.is_enabled();
        self.availability = Some(availability);
        self.fault = Fault::None;
        self.begins_anew();
        if let Some(sriov) = &mut self.sriov {
            sriov.leave();
        }
        if renew {
            self.renew();
        }
    }

    /// Removes all that makes the function a part of a device with several functions.
    pub fn make_single(&mut self) {
        self.identity = Identity::default();
        self.sriov = None;
        self.is_virtual = false;
    }

    /// Forgets a change of availability, as QEMU now knows it.
    pub fn as_qemu_has_it(&mut self) {
        self.availability = None;
    }

    pub fn qemu_handle(&self) -> u32 {
        self.qemu
    }

    pub fn handle(&self) -> u32 {
        self.with_instance(if self.taken {
            self.qemu & !ENABLED
        } else {
            self.qemu
        })
    }

    /// Makes the guest's handle from one of QEMU's.
    pub fn with_instance(&self, qemu: u32) -> u32 {
        qemu | u32::from(self.instance) << 24
    }

    /// Notes QEMU's new handle. The guest's handle changes too, unless `renew` is false.
    pub fn set_handle(&mut self, qemu: u32, renew: bool) {
        self.qemu = qemu;
        self.taken &= qemu & ENABLED != 0;
        if renew {
            self.renew();
        }
    }

    fn renew(&mut self) {
        self.instance = match self.instance {
            INSTANCE_MOST => 0,
            instance => instance + 1,
        };
    }

    /// Ends the error state, as each enable and disable does, but for a permanent failure.
    pub fn begins_anew(&mut self) {
        if self.fault != Fault::Permanent {
            self.fault = Fault::None;
        }
        self.blocked = false;
        self.unblocked = false;
    }

    pub fn is_in_error(&self) -> bool {
        self.blocked || self.unblocked || matches!(self.fault, Fault::Error | Fault::Unblocked)
    }

    /// Returns the condition code and status with which firmware refuses a load or store; none if
    /// it does not refuse.
    pub fn refuses_access(&self) -> Option<(u8, u8)> {
        match self.fault {
            Fault::Error => Some((1, BLOCKED)),
            Fault::Permanent => Some((1, PERMANENT)),
            Fault::None | Fault::Unblocked | Fault::Silent => None,
        }
    }

    pub fn refuses_refresh(&self) -> Option<(u8, u8)> {
        match self.fault {
            Fault::Error => Some((1, RECOVER_FIRST)),
            Fault::Permanent => Some((3, 0)),
            Fault::None | Fault::Unblocked | Fault::Silent => None,
        }
    }

    /// Returns the condition code and status with which firmware refuses MPCIFC; none if it does
    /// not refuse. `strict` says whether it also refuses operations that QEMU allows by mistake.
    pub fn refuses_modify(&self, op: u8, strict: bool) -> Option<(u8, u8)> {
        let blocked = self.fault == Fault::Error || (strict && self.blocked);
        match op {
            _ if self.fault == Fault::Permanent => Some((3, 0)),
            UNBLOCK if self.fault == Fault::Unblocked => Some((1, SEQUENCE)),
            RESET_ERROR if blocked => Some((1, SEQUENCE)),
            RESET_ERROR if strict && !self.unblocked && self.fault != Fault::Unblocked => {
                Some((1, SEQUENCE))
            }
            REGISTER_INTERRUPTS | REGISTER_TRANSLATION | REREGISTER_TRANSLATION if blocked => {
                Some((1, RECOVER_FIRST))
            }
            _ => None,
        }
    }

    /// Called when QEMU has executed MPCIFC with this result. Returns the result for the guest.
    pub fn modified(&mut self, op: u8, code: u8) -> u8 {
        let done = match (op, self.fault) {
            // QEMU refuses to end an error state that only the plugin knows.
            (UNBLOCK, Fault::Error) => {
                self.fault = Fault::Unblocked;
                true
            }
            (RESET_ERROR, Fault::Unblocked) => {
                self.fault = Fault::None;
                true
            }
            _ => code == 0,
        };
        match op {
            UNBLOCK if done => {
                self.blocked = false;
                self.unblocked = true;
            }
            RESET_ERROR if done => self.unblocked = false,
            _ => {}
        }
        if done {
            0
        } else {
            code
        }
    }

    /// The function controls that STPCIFC stores: the bits enabled, in error, and blocked.
    pub fn controls(&self, qemu: u8) -> u8 {
        const IN_ERROR: u8 = 0x40;
        const LOAD_STORE_BLOCKED: u8 = 0x20;
        match self.fault {
            Fault::Error => qemu | IN_ERROR | LOAD_STORE_BLOCKED,
            Fault::Unblocked => qemu | IN_ERROR,
            _ => qemu,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function() -> Function {
        Function::new(1, 0x8002_0000)
    }

    #[test]
    fn instances() {
        let mut f = function();
        assert_eq!(f.handle(), 0x8002_0000);
        f.set_handle(0x0002_0000, true);
        assert_eq!(f.handle(), 0x0102_0000);
        f.set_handle(0x8002_0000, true);
        assert_eq!(f.handle(), 0x8202_0000);
        for _ in 2..=0x80 {
            f.set_handle(0x8002_0000, true);
        }
        assert_eq!(f.handle(), 0x8102_0000);
        f.set_handle(0x0002_0000, false);
        assert_eq!(f.handle(), 0x0102_0000);
    }

    #[test]
    fn taken_and_given_back() {
        let mut f = function();
        f.becomes(Availability::Configured, true);
        assert_eq!((f.handle(), f.availability()), (0x8002_0000, None));
        f.fault = Fault::Permanent;
        f.becomes(Availability::Standby, true);
        assert_eq!(f.handle(), 0x0102_0000);
        assert_eq!(f.qemu_handle(), 0x8002_0000);
        assert!(f.is_taken() && !f.is_enabled());
        assert_eq!(f.fault, Fault::None);
        f.becomes(Availability::Reserved, true);
        f.becomes(Availability::Configured, true);
        assert_eq!(f.availability(), Some(Availability::Configured));
        assert_eq!(f.handle(), 0x0302_0000);
        assert!(f.is_taken());
        f.set_handle(0x0002_0000, false);
        assert!(!f.is_taken());
        f.set_handle(0x8002_0000, true);
        assert_eq!(f.handle(), 0x8402_0000);
        assert!(f.is_enabled());
    }

    #[test]
    fn unblocking_comes_first() {
        let mut f = function();
        f.fault = Fault::Error;
        assert_eq!(f.refuses_access(), Some((1, BLOCKED)));
        assert_eq!(f.refuses_refresh(), Some((1, RECOVER_FIRST)));
        assert_eq!(f.controls(0x90), 0xf0);
        assert_eq!(f.refuses_modify(RESET_ERROR, false), Some((1, SEQUENCE)));
        assert_eq!(f.refuses_modify(4, false), Some((1, RECOVER_FIRST)));
        assert_eq!(f.refuses_modify(UNBLOCK, false), None);
        assert_eq!(f.modified(UNBLOCK, 1), 0);
        assert_eq!(f.refuses_access(), None);
        assert_eq!(f.controls(0x90), 0xd0);
        assert_eq!(f.refuses_modify(UNBLOCK, true), Some((1, SEQUENCE)));
        assert_eq!(f.refuses_modify(RESET_ERROR, true), None);
        assert_eq!(f.modified(RESET_ERROR, 1), 0);
        assert_eq!(f.controls(0x90), 0x90);
        assert_eq!(f.refuses_modify(RESET_ERROR, true), Some((1, SEQUENCE)));
        assert!(!f.is_in_error());
    }

    #[test]
    fn qemus_own_error() {
        let mut f = function();
        f.blocked = true;
        assert_eq!(f.refuses_access(), None);
        assert_eq!(f.refuses_modify(RESET_ERROR, false), None);
        assert_eq!(f.refuses_modify(RESET_ERROR, true), Some((1, SEQUENCE)));
        assert_eq!(f.refuses_modify(2, true), Some((1, RECOVER_FIRST)));
        assert_eq!(f.refuses_modify(3, true), None);
        assert_eq!(f.modified(UNBLOCK, 0), 0);
        assert!(f.is_in_error());
        assert_eq!(f.refuses_modify(2, true), None);
        assert_eq!(f.refuses_modify(RESET_ERROR, true), None);
        assert_eq!(f.modified(RESET_ERROR, 0), 0);
        assert_eq!(f.modified(RESET_ERROR, 1), 1);
        assert!(!f.is_in_error());
    }

    #[test]
    fn permanent() {
        let mut f = function();
        f.fault = Fault::Permanent;
        for op in 2..=10 {
            assert_eq!(f.refuses_modify(op, false), Some((3, 0)));
        }
        f.begins_anew();
        assert_eq!(f.refuses_access(), Some((1, PERMANENT)));
    }
}
