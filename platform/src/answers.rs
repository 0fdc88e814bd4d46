// SPDX-License-Identifier: GPL-2.0-only

//! Answers that firmware gives instead of a result, and delays before results.

use crate::words::Words;
use std::time::Duration;

/// An operation of the firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    Enable,
    Disable,
    Query,
    List,
    Load,
    Store,
    Block,
    Modify,
    Controls,
    Refresh,
    Event,
    Report,
    Service,
    Notification,
    Inside,
}

impl What {
    const NAMES: [(&'static str, What); 15] = [
        ("enable", What::Enable),
        ("disable", What::Disable),
        ("query", What::Query),
        ("list", What::List),
        ("load", What::Load),
        ("store", What::Store),
        ("block", What::Block),
        ("modify", What::Modify),
        ("controls", What::Controls),
        ("refresh", What::Refresh),
        ("event", What::Event),
        ("report", What::Report),
        ("service", What::Service),
        ("notification", What::Notification),
        ("inside", What::Inside),
    ];

    pub fn parse(name: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, what)| *what)
            .ok_or_else(|| format!("firmware is not asked for {name}"))
    }

    fn is_clp(self) -> bool {
        matches!(
            self,
            What::Enable | What::Disable | What::Query | What::List
        )
    }
}

/// One call of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Occasion {
    pub what: What,
    /// 0 if the operation names no function.
    pub fid: u32,
    /// For `Modify` its operation, for loads and stores the address space.
    pub detail: u8,
}

/// The calls that a rule is about.
#[derive(Clone, Debug)]
pub struct Filter {
    what: What,
    fid: Option<u32>,
    detail: Option<u8>,
}

impl Filter {
    pub fn parse(words: &mut Words<'_>) -> Result<Self, String> {
        let what = What::parse(words.next()?)?;
        let fid = words.number("fid")?;
        let name = match what {
            What::Modify => "op",
            _ => "space",
        };
        let detail = words.number(name)?;
        Ok(Filter { what, fid, detail })
    }

    pub fn matches(&self, occasion: &Occasion) -> bool {
        self.what == occasion.what
            && self.fid.is_none_or(|fid| fid == occasion.fid)
            && self.detail.is_none_or(|detail| detail == occasion.detail)
    }
}

/// The answer that the guest gets instead of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The response code of CLP.
    Response(u16),
    /// Condition code and status of an instruction other than CLP.
    Code(u8, u8),
    /// A load returns all ones, and a store has no effect.
    Ones,
}

#[derive(Clone, Debug)]
enum When {
    Times(u32),
    Every(u32),
    Always,
}

/// An answer, and the calls that get it.
#[derive(Clone, Debug)]
pub struct Rule {
    filter: Filter,
    skip: u32,
    when: When,
    delay: Duration,
    answer: Option<Answer>,
}

/// The kernel repeats a call for as long as it is busy, so there must be a limit.
const BUSY_MOST: u32 = 10_000;
const SLOW_MOST_MS: u64 = 10_000;

impl Rule {
    pub fn parse(words: &mut Words<'_>) -> Result<Self, String> {
        let filter = Filter::parse(words)?;
        let skip = words.number("skip")?.unwrap_or(0);
        let when = match (words.number("times")?, words.number("every")?) {
            (Some(_), Some(_)) => return Err("times and every exclude each other".into()),
            (Some(times), None) => When::Times(times),
            (None, Some(0)) => return Err("every=0 never comes".into()),
            (None, Some(every)) => When::Every(every),
            (None, None) if words.flag("always") => When::Always,
            (None, None) => When::Times(1),
        };
        let ms = words.number("ms")?.unwrap_or(0);
        let response = words.number("rsp")?.map(Answer::Response);
        let status = words.number("status")?.unwrap_or(0);
        let code = words.number("cc")?.map(|code| Answer::Code(code, status));
        let ones = words.flag("ones").then_some(Answer::Ones);
        let answer = response.or(code).or(ones);
        if [response, code, ones].iter().flatten().count() > 1 {
            return Err("one answer at a time".into());
        }
        match answer {
            None if ms == 0 => return Err("rsp, cc, ones or ms is missing".into()),
            None => {}
            Some(Answer::Response(_)) if filter.what.is_clp() => {}
            Some(Answer::Code(0..=3, _)) if !filter.what.is_clp() => {}
            Some(Answer::Ones) if matches!(filter.what, What::Load | What::Store) => {}
            Some(_) => return Err("that is no answer of this instruction".into()),
        }
        if matches!(
            filter.what,
            What::Event | What::Report | What::Service | What::Notification | What::Inside
        ) {
            return Err("this is only counted".into());
        }
        let endless = match when {
            When::Times(times) => times > BUSY_MOST,
            When::Every(every) => every == 1,
            When::Always => true,
        };
        if endless && matches!(answer, Some(Answer::Code(2, _))) {
            return Err("the kernel would wait for the end of this for ever".into());
        }
        if ms > SLOW_MOST_MS {
            return Err(format!("not more than {SLOW_MOST_MS} ms"));
        }
        Ok(Rule {
            filter,
            skip,
            when,
            delay: Duration::from_millis(ms),
            answer,
        })
    }

    fn applies(&mut self, occasion: &Occasion, asked: &mut u32) -> bool {
        if !self.filter.matches(occasion) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        match &mut self.when {
            When::Always => true,
            When::Times(0) => false,
            When::Times(times) => {
                *times -= 1;
                true
            }
            When::Every(every) => {
                *asked += 1;
                (*asked).is_multiple_of(*every)
            }
        }
    }
}

/// All rules; the first rule that applies is used.
#[derive(Default)]
pub struct Answers {
    rules: Vec<(Rule, u32)>,
}

impl Answers {
    pub fn add(&mut self, rule: Rule) {
        self.rules.push((rule, 0));
    }

    pub fn forget(&mut self) {
        self.rules.clear();
    }

    /// Returns the delay of a call, and the answer if there is one.
    pub fn ask(&mut self, occasion: &Occasion) -> (Duration, Option<Answer>) {
        for (rule, asked) in &mut self.rules {
            if rule.applies(occasion, asked) {
                return (rule.delay, rule.answer);
            }
        }
        (Duration::ZERO, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(rules: &[&str]) -> Answers {
        let mut answers = Answers::default();
        for rule in rules {
            let mut words = Words::new(rule);
            answers.add(Rule::parse(&mut words).unwrap());
            assert_eq!(words.end(), Ok(()), "{rule}");
        }
        answers
    }

    fn ask(answers: &mut Answers, what: What, fid: u32, detail: u8) -> Option<Answer> {
        answers.ask(&Occasion { what, fid, detail }).1
    }

    #[test]
    fn so_many_times() {
        let mut a = answers(&["enable fid=1 skip=1 times=2 rsp=0x108"]);
        let busy = Some(Answer::Response(0x108));
        assert_eq!(ask(&mut a, What::Enable, 2, 0), None);
        assert_eq!(ask(&mut a, What::Enable, 1, 0), None);
        assert_eq!(ask(&mut a, What::Disable, 1, 0), None);
        assert_eq!(ask(&mut a, What::Enable, 1, 0), busy);
        assert_eq!(ask(&mut a, What::Enable, 1, 0), busy);
        assert_eq!(ask(&mut a, What::Enable, 1, 0), None);
    }

    #[test]
    fn every_third_time() {
        let mut a = answers(&["load space=15 every=3 cc=2"]);
        let busy = Some(Answer::Code(2, 0));
        for _ in 0..3 {
            assert_eq!(ask(&mut a, What::Load, 7, 15), None);
            assert_eq!(ask(&mut a, What::Load, 7, 0), None);
            assert_eq!(ask(&mut a, What::Load, 8, 15), None);
            assert_eq!(ask(&mut a, What::Load, 7, 15), busy);
        }
    }

    #[test]
    fn the_first_that_applies() {
        let mut a = answers(&[
            "modify op=7 cc=1 status=24",
            "modify always cc=3",
            "load ms=2",
        ]);
        assert_eq!(ask(&mut a, What::Modify, 0, 7), Some(Answer::Code(1, 24)));
        assert_eq!(ask(&mut a, What::Modify, 0, 7), Some(Answer::Code(3, 0)));
        let occasion = Occasion {
            what: What::Load,
            fid: 0,
            detail: 0,
        };
        assert_eq!(a.ask(&occasion), (Duration::from_millis(2), None));
        assert_eq!(a.ask(&occasion), (Duration::ZERO, None));
        a.forget();
        assert_eq!(ask(&mut a, What::Modify, 0, 7), None);
    }

    #[test]
    fn what_makes_no_sense() {
        for rule in [
            "",
            "think cc=1",
            "enable",
            "enable cc=1",
            "load rsp=0x108",
            "load cc=4",
            "load cc=1 ones",
            "refresh ones",
            "load times=2 every=2 cc=1",
            "load every=0 cc=1",
            "load always cc=2",
            "load every=1 cc=2",
            "load times=100000 cc=2",
            "load ms=100000",
            "event cc=1",
        ] {
            assert!(Rule::parse(&mut Words::new(rule)).is_err(), "{rule}");
        }
    }
}
