// SPDX-License-Identifier: GPL-2.0-only

//! Config space as it is after power-on.
//!
//! QEMU's enable leaves config space as it is. The bytes that the guest has read before it wrote
//! anything are those of power-on. After an enable they are shown again, until the guest writes
//! there.

const SIZE: usize = 256;

pub struct Config {
    /// The bytes that the guest has read before it wrote there.
    pristine: [Option<u8>; SIZE],
    written: [bool; SIZE],
    /// Bytes that are shown as after power-on, in place of QEMU's.
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
    /// QEMU has loaded `bytes`: replaces those that are shown as after power-on.
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
        // Bytes 8 and 9 were written before they were read, bytes 0 and 1 never: both are QEMU's.
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
