// SPDX-License-Identifier: GPL-2.0-only

//! Events of functions in the response of store event information (CHSC): content code 1 for
//! errors, 2 for availability, and the CCDF.

use crate::guest::{be16, be32};
use std::collections::VecDeque;

pub const CCDF_LEN: usize = 32;

/// The first code of an availability event.
const FIRST_AVAILABILITY: u16 = 0x0300;

/// An event of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub pec: u16,
    pub fh: u32,
    pub fid: u32,
    /// Error type, address space, queue and direction: the other fields of the CCDF.
    pub kind: u32,
    pub address: u64,
}

impl Event {
    pub fn is_error(&self) -> bool {
        self.pec < FIRST_AVAILABILITY
    }

    /// Whether the guest cannot recover the function from the error.
    pub fn is_permanent(&self) -> bool {
        matches!(self.pec, 0x3b | 0x40)
    }

    /// Whether the event is about measurement counters, so that the function works on.
    pub fn is_measurement(&self) -> bool {
        matches!(self.pec, 0x2a..=0x2c)
    }

    fn ccdf(&self) -> [u8; CCDF_LEN] {
        let mut raw = [0; CCDF_LEN];
        raw[4..8].copy_from_slice(&self.fh.to_be_bytes());
        raw[8..12].copy_from_slice(&self.fid.to_be_bytes());
        raw[12..16].copy_from_slice(&self.kind.to_be_bytes());
        raw[16..24].copy_from_slice(&self.address.to_be_bytes());
        raw[30..32].copy_from_slice(&self.pec.to_be_bytes());
        raw
    }
}

/// The response of store event information, which stands behind the request.
pub struct Information<'a>(pub &'a mut [u8]);

/// The length of the part that the plugin accesses.
pub const INFORMATION_LEN: usize = 64 + CCDF_LEN;

const STORED: u16 = 0x0001;
const NOTHING: u16 = 0x0005;
const MORE: u8 = 0x80;
const CCDF_AT: usize = 64;

impl Information<'_> {
    pub fn is_nothing(&self) -> bool {
        be16(self.0, 2) == NOTHING
    }

    /// Whether this is an event of a PCI function.
    pub fn is_pci(&self) -> bool {
        be16(self.0, 2) == STORED && self.0[7] == 2
    }

    /// Whether a function has come or gone; false for a request to give a function back.
    pub fn is_change(&self) -> bool {
        const ASKED_FOR: u16 = 0x0303;
        self.pec() >= FIRST_AVAILABILITY && self.pec() != ASKED_FOR
    }

    pub fn fh(&self) -> u32 {
        be32(self.0, CCDF_AT + 4)
    }

    pub fn fid(&self) -> u32 {
        be32(self.0, CCDF_AT + 8)
    }

    pub fn pec(&self) -> u16 {
        be16(self.0, CCDF_AT + 30)
    }

    pub fn set_fh(&mut self, fh: u32) {
        self.0[CCDF_AT + 4..CCDF_AT + 8].copy_from_slice(&fh.to_be_bytes());
    }

    pub fn has_more(&self) -> bool {
        self.0[8] & MORE != 0
    }

    pub fn set_more(&mut self) {
        self.0[8] |= MORE;
    }

    /// Replaces the event by `event`. `more` says whether another one follows.
    pub fn store(&mut self, event: &Event, more: bool) {
        let length = (CCDF_AT + 4016) as u16;
        self.0[..CCDF_AT].fill(0);
        self.0[..2].copy_from_slice(&length.to_be_bytes());
        self.0[2..4].copy_from_slice(&STORED.to_be_bytes());
        self.0[7] = 2;
        self.0[8] = if more { MORE } else { 0 };
        self.0[11] = if event.is_error() { 1 } else { 2 };
        self.0[CCDF_AT..INFORMATION_LEN].copy_from_slice(&event.ccdf());
    }

    /// Replaces the event by an empty one of the channel subsystem, which the guest ignores.
    pub fn store_nothing(&mut self) {
        self.0[7] = 0;
        self.0[11] = 0;
        self.0[CCDF_AT..INFORMATION_LEN].fill(0);
    }
}

/// The events of the plugin that wait for the guest.
///
/// Only QEMU can raise the machine check that makes the guest ask for events. It does so for the
/// bell, a function that is hidden from the guest. The guest's question is then answered with an
/// event from here.
#[derive(Default)]
pub struct Events {
    waiting: VecDeque<Event>,
    /// The guest has asked because of the bell, and asks again as long as the plugin announces
    /// more.
    asked: bool,
}

impl Events {
    pub fn push(&mut self, event: Event) {
        self.waiting.push_back(event);
    }

    pub fn forget(&mut self) {
        self.waiting.clear();
    }

    /// Changes QEMU's response to the guest. An event of the bell, or an empty response while the
    /// guest goes on asking, is replaced by an event from here, which is returned.
    pub fn tell(&mut self, information: &mut Information<'_>, bell: u32) -> Option<Event> {
        let own = information.is_pci() && information.fid() == bell;
        if !own && !(self.asked && information.is_nothing()) {
            if self.asked && !self.waiting.is_empty() && information.is_pci() {
                information.set_more();
            }
            return None;
        }
        let more = own && information.has_more();
        let event = self.waiting.pop_front();
        match &event {
            Some(event) => information.store(event, more || !self.waiting.is_empty()),
            None if own => information.store_nothing(),
            None => {}
        }
        self.asked = !self.waiting.is_empty();
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BELL: u32 = 0xbe11;

    fn qemu(event: Option<(u16, u32)>, more: bool) -> [u8; INFORMATION_LEN] {
        let mut raw = [0; INFORMATION_LEN];
        match event {
            Some((pec, fid)) => {
                let event = Event {
                    pec,
                    fid,
                    fh: 0x8002_0001,
                    ..Event::default()
                };
                Information(&mut raw).store(&event, more);
            }
            None => raw[3] = NOTHING as u8,
        }
        raw
    }

    fn event(pec: u16) -> Event {
        Event {
            pec,
            fh: 0x8102_0000,
            fid: 1,
            kind: 0x1234,
            address: 0x1_0020_0000,
        }
    }

    #[test]
    fn layout() {
        let mut raw = [0; INFORMATION_LEN];
        Information(&mut raw).store(&event(0x3b), true);
        assert_eq!(raw[..12], [0x0f, 0xf0, 0, 1, 0, 0, 0, 2, 0x80, 0, 0, 1]);
        assert_eq!(raw[68..72], [0x81, 2, 0, 0]);
        assert_eq!(raw[72..76], [0, 0, 0, 1]);
        assert_eq!(raw[76..80], [0, 0, 0x12, 0x34]);
        assert_eq!(raw[80..88], [0, 0, 0, 1, 0, 0x20, 0, 0]);
        assert_eq!(raw[94..96], [0, 0x3b]);
        Information(&mut raw).store(&event(0x304), false);
        assert_eq!((raw[8], raw[11]), (0, 2));
    }

    #[test]
    fn all_behind_one_bell() {
        let mut events = Events::default();
        events.push(event(1));
        events.push(event(2));
        // A real event comes first, before the bell rings.
        let mut raw = qemu(Some((4, 9)), false);
        assert_eq!(events.tell(&mut Information(&mut raw), BELL), None);
        assert!(!Information(&mut raw).has_more());
        let mut raw = qemu(Some((0x303, BELL)), false);
        let told = events.tell(&mut Information(&mut raw), BELL);
        assert_eq!(told, Some(event(1)));
        let information = Information(&mut raw);
        assert_eq!((information.pec(), information.fid()), (1, 1));
        assert!(information.has_more());
        // QEMU has no further event.
        let mut raw = qemu(None, false);
        let told = events.tell(&mut Information(&mut raw), BELL);
        assert_eq!(told, Some(event(2)));
        assert!(Information(&mut raw).is_pci());
        assert!(!Information(&mut raw).has_more());
        let mut raw = qemu(None, false);
        assert_eq!(events.tell(&mut Information(&mut raw), BELL), None);
        assert!(Information(&mut raw).is_nothing());
    }

    #[test]
    fn a_real_one_between_them() {
        let mut events = Events::default();
        events.push(event(1));
        events.push(event(2));
        let mut raw = qemu(Some((0x303, BELL)), true);
        assert_eq!(
            events.tell(&mut Information(&mut raw), BELL),
            Some(event(1))
        );
        let mut raw = qemu(Some((4, 9)), false);
        assert_eq!(events.tell(&mut Information(&mut raw), BELL), None);
        assert!(Information(&mut raw).has_more());
        let mut raw = qemu(None, false);
        assert_eq!(
            events.tell(&mut Information(&mut raw), BELL),
            Some(event(2))
        );
    }

    #[test]
    fn a_real_one_behind_them() {
        let mut events = Events::default();
        events.push(event(1));
        let mut raw = qemu(Some((0x303, BELL)), true);
        assert_eq!(
            events.tell(&mut Information(&mut raw), BELL),
            Some(event(1))
        );
        assert!(Information(&mut raw).has_more());
    }

    #[test]
    fn a_bell_for_nothing() {
        let mut events = Events::default();
        let mut raw = qemu(Some((0x303, BELL)), true);
        assert_eq!(events.tell(&mut Information(&mut raw), BELL), None);
        let information = Information(&mut raw);
        assert!(!information.is_pci() && !information.is_nothing());
        assert!(information.has_more());
    }
}
