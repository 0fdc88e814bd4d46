// SPDX-License-Identifier: GPL-2.0-only

//! Config space as it is after power-on.
//!
//! QEMU's enable leaves config space as it is. Bytes that the guest reads before it writes anything
//! have their power-on values. After an enable the plugin shows those values again, until the guest
//! writes to them.

const SIZE: usize = 256;

pub struct Config {
    /// The power-on values: the guest has read these bytes before it wrote to them.
    pristine: [Option<u8>; SIZE],
    written: [bool; SIZE],
    /// The bytes that have their power-on value now, in place of QEMU's value.
    shown: [bool; SIZE],
}

impl Default for Config {
    fn default() -> Self {
        Config {
            pristine: [None; SIZE],
            written: [false; SIZE],
            shown: [false; SIZE],
        }
    }
}

impl Config {
    /// Called when QEMU has loaded `bytes`: puts in the power-on values that are shown now.
    pub fn load(&mut self, offset: u64, bytes: &mut [u8]) {
        for (at, byte) in Self::places(offset, bytes.len()).zip(bytes) {
            match self.pristine[at] {
                None if !self.written[at] => self.pristine[at] = Some(*byte),
                Some(value) if self.shown[at] => *byte = value,
                _ => {}
            }
        }
    }

    pub fn store(&mut self, offset: u64, len: usize) {
        for at in Self::places(offset, len) {
            self.written[at] = true;
            self.shown[at] = false;
        }
    }

    pub fn power_on(&mut self) {
        self.shown = self.written;
    }

    /// Offsets beyond the first 256 bytes are ignored.
    fn places(offset: u64, len: usize) -> std::ops::Range<usize> {
        let start = usize::try_from(offset).map_or(SIZE, |start| start.min(SIZE));
        start..(start + len).min(SIZE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(config: &mut Config, offset: u64, bytes: [u8; 2]) -> [u8; 2] {
        let mut bytes = bytes;
        config.load(offset, &mut bytes);
        bytes
    }

    #[test]
    fn as_it_was_at_first() {
        let mut config = Config::default();
        assert_eq!(load(&mut config, 4, [0, 0]), [0, 0]);
        config.store(4, 2);
        config.store(8, 2);
        assert_eq!(load(&mut config, 4, [6, 4]), [6, 4]);
        config.power_on();
        assert_eq!(load(&mut config, 4, [6, 4]), [0, 0]);
        // The guest has written bytes 8 and 9 before reading them, and bytes 0 and 1 never: all
        // four come from QEMU.
        assert_eq!(load(&mut config, 8, [1, 2]), [1, 2]);
        assert_eq!(load(&mut config, 0, [0x36, 0x1b]), [0x36, 0x1b]);
        config.store(4, 1);
        assert_eq!(load(&mut config, 4, [2, 4]), [2, 0]);
    }

    #[test]
    fn beyond_its_end() {
        let mut config = Config::default();
        config.store(255, 4);
        config.store(u64::MAX, 1);
        config.power_on();
        assert_eq!(load(&mut config, 255, [1, 2]), [1, 2]);
        assert_eq!(load(&mut config, u64::MAX, [1, 2]), [1, 2]);
    }
}
