// SPDX-License-Identifier: GPL-2.0-only

//! The words of a command line: a verb, then `name=number` and plain words.

use std::str::FromStr;

/// A command. Each word must be read once; `end` reports words that nobody has read.
pub struct Words<'a> {
    words: Vec<&'a str>,
}

impl<'a> Words<'a> {
    /// QEMU separates options by commas and blanks, so colons separate words as well.
    pub fn new(line: &'a str) -> Self {
        let words = line.split([' ', ':', '\n', '\t']);
        Words {
            words: words.filter(|word| !word.is_empty()).collect(),
        }
    }

    /// Returns the next word of the command.
    pub fn next(&mut self) -> Result<&'a str, String> {
        if self.words.is_empty() {
            return Err("a word is missing".into());
        }
        Ok(self.words.remove(0))
    }

    /// Whether the command has this word.
    pub fn flag(&mut self, name: &str) -> bool {
        let at = self.words.iter().position(|word| *word == name);
        at.map(|at| self.words.remove(at)).is_some()
    }

    /// Returns the text behind `name=`.
    pub fn value(&mut self, name: &str) -> Option<&'a str> {
        let named = |word: &&str| word.strip_prefix(name)?.strip_prefix('=').map(|_| ());
        let at = self.words.iter().position(|word| named(word).is_some())?;
        self.words
            .remove(at)
            .split_once('=')
            .map(|(_, value)| value)
    }

    /// Returns the number behind `name=`, decimal or with 0x.
    pub fn number<T: TryFrom<u64>>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some(text) = self.value(name) else {
            return Ok(None);
        };
        let number = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => u64::from_str(text).ok(),
        };
        let number = number.and_then(|number| T::try_from(number).ok());
        number
            .map(Some)
            .ok_or_else(|| format!("{name}={text} is no number that fits"))
    }

    /// Returns whether the next word is `on`; an error if it is neither `on` nor `off`.
    pub fn switch(&mut self) -> Result<bool, String> {
        match self.next()? {
            "on" => Ok(true),
            "off" => Ok(false),
            word => Err(format!("{word} is neither on nor off")),
        }
    }

    /// Reports words that were not read.
    pub fn end(self) -> Result<(), String> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(format!("what is {word}?")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_asked_for() {
        let mut words = Words::new("answer:enable fid=0x11 times=3\n always");
        assert_eq!(words.next(), Ok("answer"));
        assert_eq!(words.number::<u32>("times"), Ok(Some(3)));
        assert_eq!(words.number::<u8>("fid"), Ok(Some(0x11)));
        assert_eq!(words.number::<u8>("fid"), Ok(None));
        assert!(words.flag("always"));
        assert!(!words.flag("always"));
        assert_eq!(words.next(), Ok("enable"));
        assert!(words.next().is_err());
        assert_eq!(words.end(), Ok(()));
    }

    #[test]
    fn nothing_is_ignored() {
        assert!(Words::new("more").end().is_err());
        assert!(Words::new("maybe").switch().is_err());
        for text in ["fid=x", "fid=256", "fid=", "fid=-1"] {
            assert!(Words::new(text).number::<u8>("fid").is_err(), "{text}");
        }
    }
}
