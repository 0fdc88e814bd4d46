// SPDX-License-Identifier: GPL-2.0-only

//! Faults with which a function begins when it is enabled.

use crate::function::Fault;
use crate::words::Words;

/// The state in which a function begins after an enable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    pub fault: Fault,
    /// The code of an event that the plugin raises together with the fault.
    pub pec: Option<u16>,
}

struct Rule {
    fid: u32,
    skip: u32,
    /// The number of enables to which the rule applies; none means all.
    times: Option<u32>,
    life: Life,
}

#[derive(Default)]
pub struct Lives {
    rules: Vec<Rule>,
}

impl Lives {
    /// Parses `after-enable fid=N [skip=N] [times=N|always] silent|blocked|permanent|none [pec=N]`.
    pub fn parse(&mut self, words: &mut Words<'_>) -> Result<(), String> {
        let fid = words.number("fid")?.ok_or("fid is missing")?;
        let skip = words.number("skip")?.unwrap_or(0);
        let times = words.number("times")?;
        let always = words.flag("always");
        let pec = words.number("pec")?;
        let fault = match words.next()? {
            "silent" => Fault::Silent,
            "blocked" => Fault::Error,
            "permanent" => Fault::Permanent,
            "none" => Fault::None,
            word => return Err(format!("a function is never {word}")),
        };
        if always && times.is_some() {
            return Err("times and always exclude each other".into());
        }
        self.rules.push(Rule {
            fid,
            skip,
            times: if always { None } else { times.or(Some(1)) },
            life: Life { fault, pec },
        });
        Ok(())
    }

    pub fn forget(&mut self) {
        self.rules.clear();
    }

    /// Returns the state with which a function begins that was just enabled, if a rule applies.
    pub fn next(&mut self, fid: u32) -> Option<Life> {
        let mut rules = self.rules.iter_mut();
        let rule = rules.find(|rule| rule.fid == fid && rule.times != Some(0))?;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        rule.times = rule.times.map(|times| times - 1);
        Some(rule.life)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_life_after_another() {
        let mut lives = Lives::default();
        for rule in [
            "fid=1 skip=1 silent",
            "fid=1 times=2 blocked pec=0x5",
            "fid=2 permanent always",
        ] {
            let mut words = Words::new(rule);
            lives.parse(&mut words).unwrap();
            assert_eq!(words.end(), Ok(()));
        }
        let blocked = Some(Life {
            fault: Fault::Error,
            pec: Some(5),
        });
        assert_eq!(lives.next(1), None);
        assert_eq!(lives.next(1).unwrap().fault, Fault::Silent);
        assert_eq!(lives.next(1), blocked);
        assert_eq!(lives.next(1), blocked);
        assert_eq!(lives.next(1), None);
        for _ in 0..9 {
            assert_eq!(lives.next(2).unwrap().fault, Fault::Permanent);
        }
    }

    #[test]
    fn what_makes_no_sense() {
        for rule in [
            "silent",
            "fid=1",
            "fid=1 loud",
            "fid=1 times=1 always silent",
        ] {
            let parsed = Lives::default().parse(&mut Words::new(rule));
            assert!(parsed.is_err(), "{rule}");
        }
    }
}
