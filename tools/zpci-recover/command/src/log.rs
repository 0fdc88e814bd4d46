// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finds events in the kernel's record of errors and in its messages.

use std::{
    collections::HashSet,
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use zpci_recover::{Address, Ccdf, Pec, Severity};

use crate::error::{Error, Result};

/// The kernel's record of errors, a view of the s390 debug feature.
const RECORD: &str = "/sys/kernel/debug/s390dbf/pci_error/hex_ascii";

/// An event in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub time: Option<SystemTime>,
    /// The text before the message, such as the time since boot.
    pub logged: Option<String>,
    /// The address of the function, which a message may contain.
    pub address: Option<Address>,
    pub what: What,
}

impl From<What> for Entry {
    fn from(what: What) -> Self {
        Self {
            time: None,
            logged: None,
            address: None,
            what,
        }
    }
}

/// The known part of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Ccdf(Ccdf),
    Pec { pec: Pec, function_id: Option<u32> },
}

impl Entry {
    pub fn pec(&self) -> Pec {
        match &self.what {
            What::Ccdf(ccdf) => ccdf.pec(),
            What::Pec { pec, .. } => *pec,
        }
    }

    pub fn function_id(&self) -> Option<u32> {
        match &self.what {
            What::Ccdf(ccdf) => Some(ccdf.function_id()),
            What::Pec { function_id, .. } => *function_id,
        }
    }
}

/// Reads the kernel's record: a ring, in which new lines overwrite the oldest ones.
fn record() -> Result<String> {
    let path = Path::new(RECORD);
    let bytes = fs::read(path).map_err(|error| Error::Read {
        path: path.to_owned(),
        error,
    })?;

    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn is_error(entry: &Entry) -> bool {
    entry.pec().severity() != Severity::Availability
}

/// Returns the errors in the kernel's record, oldest first.
pub fn errors() -> Result<Vec<Entry>> {
    Ok(parse(&record()?).into_iter().filter(is_error).collect())
}

/// Reads the kernel's record repeatedly, and finds new events.
#[derive(Default)]
pub struct Follower {
    /// The lines of the last look.
    seen: Option<HashSet<String>>,
}

/// The difference between the last look and this one.
pub struct News {
    /// New errors, oldest first.
    pub errors: Vec<Entry>,
    /// Whether lines may have been overwritten before they could be read.
    pub lost: bool,
}

impl Follower {
    /// Reads the record. The first time all errors are new.
    pub fn look(&mut self) -> Result<News> {
        Ok(self.news(&record()?))
    }

    /// A line is identified by its text and not by its time, as the clock may go back.
    fn news(&mut self, text: &str) -> News {
        let is_new = |line: &&str| !self.seen.as_ref().is_some_and(|seen| seen.contains(*line));
        let lines = in_order(text, is_new);
        let lost = self.seen.as_ref().is_some_and(|seen| {
            // A record that was emptied is shorter than before, and begins with its oldest line.
            lines.iter().all(is_new)
                && (text.lines().next() != lines.first().copied()
                    || !seen.is_empty() && lines.len() == seen.len())
        });
        let errors = events(&lines)
            .filter(|(last, entry)| is_new(&lines[*last]) && is_error(entry))
            .map(|(_, entry)| entry)
            .collect();

        self.seen = Some(lines.into_iter().map(str::to_owned).collect());
        News { errors, lost }
    }
}

/// Returns all events in a text, in order.
pub fn parse(text: &str) -> Vec<Entry> {
    events(&in_order(text, |_| false))
        .map(|(_, entry)| entry)
        .collect()
}

/// Returns events, with the index of the last line of each.
fn events<'a>(lines: &'a [&str]) -> impl Iterator<Item = (usize, Entry)> + 'a {
    let mut record = Record::default();

    lines.iter().enumerate().filter_map(move |(i, line)| {
        let entry = record.line(line).or_else(|| message(line))?;

        Some((i, entry))
    })
}

/// Puts the lines of the record in order. The record is a ring that is shown from its beginning:
/// the oldest line follows the last new one. If all lines are new, or none, it follows the place
/// where the time goes back.
fn in_order(text: &str, is_new: impl Fn(&&str) -> bool) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    let news: Vec<_> = lines.iter().map(is_new).collect();
    let times: Vec<_> = lines
        .iter()
        .map(|line| split(line).map(|(head, _)| head.time))
        .collect();
    let ends = |i: &usize| news[*i - 1] && !news[*i % news.len()];
    let goes_back = |i: &usize| times[*i].is_some() && times[*i] < times[*i - 1];
    let only = |mut seams: Vec<usize>| seams.pop().filter(|_| seams.is_empty());

    // Several such places: the text is no record, and stays as it is.
    if let Some(seam) = only((1..=lines.len()).filter(ends).collect())
        .or_else(|| only((1..lines.len()).filter(goes_back).collect()))
    {
        lines.rotate_left(seam);
    }
    lines
}

/// Reads the lines of a CCDF: a title and two lines of 16 bytes. The two lines are written
/// together; between the title and them there may be other lines, even of the same processor.
#[derive(Default)]
struct Record<'a> {
    /// Titles whose bytes have not come yet.
    titles: usize,
    before: Option<(Head<'a>, [u8; LINE_BYTES])>,
}

const LINE_BYTES: usize = 16;

/// The first bytes of a CCDF. A failed instruction has two lines as well, but begins with its code.
const RESERVED: [u8; 4] = [0; 4];

impl<'a> Record<'a> {
    fn line(&mut self, line: &'a str) -> Option<Entry> {
        let (head, bytes) = split(line)?;
        let before = self.before.replace((head, bytes));

        if bytes.starts_with(b"error CCDF:") {
            self.titles += 1;
            return None;
        }
        let (writer, first) = before?;
        if self.titles == 0 || !head.same_writer(&writer) || !first.starts_with(&RESERVED) {
            return None;
        }
        let mut ccdf = [0; Ccdf::SIZE];
        ccdf[..LINE_BYTES].copy_from_slice(&first);
        ccdf[LINE_BYTES..].copy_from_slice(&bytes);
        self.titles -= 1;
        self.before = None;
        Some(Entry {
            time: Some(head.time),
            ..What::Ccdf(Ccdf::from(ccdf)).into()
        })
    }
}

#[derive(Clone, Copy)]
struct Head<'a> {
    time: SystemTime,
    cpu: &'a str,
    caller: &'a str,
}

impl Head<'_> {
    fn same_writer(&self, other: &Self) -> bool {
        (self.cpu, self.caller) == (other.cpu, other.caller)
    }
}

/// Splits a line `area time level exception cpu caller  16 bytes | text`.
fn split(line: &str) -> Option<(Head<'_>, [u8; LINE_BYTES])> {
    let mut words = line.split_ascii_whitespace();
    let (seconds, micros) = words.nth(1)?.split_once(':')?;
    let time = UNIX_EPOCH
        .checked_add(Duration::from_secs(seconds.parse().ok()?))?
        .checked_add(Duration::from_micros(micros.parse().ok()?))?;
    let (cpu, caller) = (words.nth(2)?, words.next()?);
    let mut bytes = [0; LINE_BYTES];

    for byte in &mut bytes {
        *byte = u8::from_str_radix(words.next()?, 16).ok()?;
    }
    (words.next()? == "|").then_some((Head { time, cpu, caller }, bytes))
}

/// Reads a message `… Event 0x3a reports an error for PCI function 0x1`, or a line of the record
/// of messages.
fn message(line: &str) -> Option<Entry> {
    let after = |mark: &str| {
        let (_, rest) = line.split_once(mark)?;
        let digits = rest.trim_start_matches("0x");
        let end = digits
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(digits.len());

        u32::from_str_radix(&digits[..end], 16).ok()
    };
    let (pec, function_id) = if line.contains(" PCI function ") {
        (after("Event 0x")?, after("PCI function 0x"))
    } else {
        (after(" pec:")?, after("fid:"))
    };

    let what = What::Pec {
        pec: Pec::new(pec.try_into().ok()?),
        function_id,
    };
    let (logged, address) = origin(line);

    Some(Entry {
        logged,
        address,
        ..what.into()
    })
}

/// Returns the text before `zpci: 0001:00:00.0: Event …`, and the address.
fn origin(line: &str) -> (Option<String>, Option<Address>) {
    let Some((before, rest)) = line.split_once("zpci: ") else {
        return (None, None);
    };
    let before = before.trim().trim_end_matches("kernel:").trim_end();
    let address = rest
        .split_once(": Event ")
        .and_then(|(address, _)| address.parse().ok());

    ((!before.is_empty()).then(|| before.to_owned()), address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lines that Linux 7.3 has written.
    const REAL: &str = "\
00 01795406505:860789 0 - 0001 000003ffe03d6d54  65 72 72 6f 72 20 43 43 44 46 3a 0a 00 00 00 00 | error CCDF:.....
00 01795406505:860813 0 - 0001 000003ffe0137746  00 00 00 00 80 02 00 00 00 00 00 01 00 00 00 00 | ................
00 01795406505:860813 0 - 0001 000003ffe0137746  00 00 00 01 00 20 00 00 00 00 00 00 00 00 00 04 | ..... ..........
00 01795406505:888067 0 - 0000 000003ffe0133794  6c 01 0c 80 02 00 00 00 00 00 04 00 00 00 00 00 | l...............
00 01795406505:888068 0 - 0000 000003ffe0133794  00 00 1c 00 00 00 00 00 00 00 00 00 00 00 00 00 | ................
";

    fn ccdfs(text: &str) -> Vec<Ccdf> {
        parse(text)
            .into_iter()
            .filter_map(|entry| match entry.what {
                What::Ccdf(ccdf) => Some(ccdf),
                What::Pec { .. } => None,
            })
            .collect()
    }

    #[test]
    fn a_real_record_is_read() {
        let entries = parse(REAL);

        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].pec(), Pec::new(4));
        assert_eq!(entries[0].function_id(), Some(1));
        assert_eq!(
            entries[0].time,
            Some(UNIX_EPOCH + Duration::from_micros(1_795_406_505_860_813))
        );
        assert_eq!(ccdfs(REAL)[0].failing_address(), 0x1_0020_0000);
    }

    #[test]
    fn others_may_write_after_the_title() {
        let lines: Vec<_> = REAL.lines().collect();

        for cpu in ["0000", "0001"] {
            let instruction = [lines[3], lines[4]]
                .join("\n")
                .replace(":88806", ":86080")
                .replace("0000 000003", &format!("{cpu} 000003"));
            let mixed = [lines[0], &instruction, lines[1], lines[2]].join("\n");

            assert_eq!(ccdfs(&mixed), ccdfs(REAL), "{mixed}");
        }
    }

    #[test]
    fn the_writer_may_move_to_another_processor() {
        assert_eq!(ccdfs(&REAL.replacen("0001", "0003", 1)), ccdfs(REAL));
    }

    #[test]
    fn the_record_is_a_ring() {
        let mut lines: Vec<_> = REAL.lines().collect();

        for _ in 0..lines.len() {
            lines.rotate_left(1);
            assert_eq!(ccdfs(&lines.join("\n")), ccdfs(REAL), "{lines:#?}");
        }
    }

    /// Makes a record of lines, each one second later than the one before.
    struct Ring {
        lines: Vec<String>,
        next: usize,
        clock: i64,
    }

    impl Ring {
        const ROOM: usize = 12;

        fn new() -> Self {
            Self {
                lines: Vec::new(),
                next: 0,
                clock: 1_795_406_505,
            }
        }

        fn write(&mut self, bytes: [u8; LINE_BYTES]) {
            let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let line = format!(
                "00 {:011}:000000 0 - 0001 3ff  {} | .",
                self.clock,
                hex.join(" ")
            );

            self.clock += 1;
            if self.lines.len() < Self::ROOM {
                self.lines.push(line);
            } else {
                self.lines[self.next] = line;
            }
            self.next = (self.next + 1) % Self::ROOM;
        }

        fn event(&mut self, pec: u8) {
            self.write(*b"error CCDF:\n\0\0\0\0");
            self.write([0; LINE_BYTES]);
            let mut second = [0; LINE_BYTES];
            second[LINE_BYTES - 1] = pec;
            self.write(second);
        }

        fn text(&self) -> String {
            self.lines.join("\n")
        }
    }

    fn codes(news: &News) -> Vec<u16> {
        news.errors.iter().map(|entry| entry.pec().into()).collect()
    }

    #[test]
    fn each_event_is_new_once_wherever_it_is() {
        let (mut ring, mut follower) = (Ring::new(), Follower::default());

        ring.event(0x3a);
        assert_eq!(codes(&follower.news(&ring.text())), [0x3a]);
        for pec in 1..100 {
            for pec in [pec, pec + 100] {
                ring.event(pec);
            }
            let news = follower.news(&ring.text());

            assert_eq!(codes(&news), [u16::from(pec), u16::from(pec) + 100]);
            assert!(!news.lost);
            assert!(codes(&follower.news(&ring.text())).is_empty());
        }
    }

    #[test]
    fn a_clock_that_goes_back_changes_nothing() {
        let (mut ring, mut follower) = (Ring::new(), Follower::default());

        ring.event(1);
        follower.news(&ring.text());
        ring.clock -= 1_000_000;
        for pec in 2..20 {
            ring.event(pec);
            let news = follower.news(&ring.text());

            assert_eq!(codes(&news), [u16::from(pec)]);
            assert!(!news.lost);
        }
    }

    #[test]
    fn lines_that_nobody_has_read_are_lost() {
        let (mut ring, mut follower) = (Ring::new(), Follower::default());

        ring.event(1);
        // Lines from before the first look are not lost.
        for already in [0, 20] {
            for _ in 0..already {
                ring.write([0xff; LINE_BYTES]);
            }
            assert!(!Follower::default().news(&ring.text()).lost);
        }
        follower.news(&ring.text());
        for _ in 0..Ring::ROOM - 1 {
            ring.write([0xff; LINE_BYTES]);
        }
        assert!(!follower.news(&ring.text()).lost);
        for more in [Ring::ROOM, Ring::ROOM + 1, 2 * Ring::ROOM] {
            for _ in 0..more {
                ring.write([0xff; LINE_BYTES]);
            }
            assert!(follower.news(&ring.text()).lost, "{more}");
        }
    }

    #[test]
    fn a_record_that_was_emptied_has_lost_nothing() {
        let (mut ring, mut follower) = (Ring::new(), Follower::default());

        for _ in 0..10 {
            ring.event(1);
        }
        follower.news(&ring.text());
        let clock = ring.clock;

        for pec in [0, 2] {
            ring = Ring {
                clock,
                ..Ring::new()
            };
            if pec > 0 {
                ring.event(pec);
            }
            let news = follower.news(&ring.text());

            assert_eq!(codes(&news).len(), usize::from(pec / 2));
            assert!(!news.lost);
        }
        // The ring has gone round between two looks.
        for _ in 0..10 {
            ring.event(3);
        }
        assert!(follower.news(&ring.text()).lost);
    }

    #[test]
    fn a_record_that_has_got_more_room_has_the_same_events() {
        let (mut ring, mut follower) = (Ring::new(), Follower::default());

        for pec in 1..10 {
            ring.event(pec);
        }
        follower.news(&ring.text());
        // The kernel writes the same events again, oldest first.
        ring.lines.rotate_left(ring.next);
        ring.event(0x3a);
        ring.lines
            .push(ring.lines[ring.next.saturating_sub(1)].clone());
        let news = follower.news(&ring.text());

        assert_eq!(codes(&news), [0x3a]);
        assert!(!news.lost);
    }

    #[test]
    fn what_is_not_whole_yet_is_left_for_later() {
        let lines: Vec<_> = REAL.lines().collect();

        for end in 0..3 {
            assert_eq!(parse(&lines[..end].join("\n")), []);
        }
    }

    #[test]
    fn messages_are_read() {
        let text = "\
[   12.3] zpci: 0001:00:00.0: Event 0x3a reports an error for PCI function 0x1f
[   12.4] zpci: 0001:00:00.0: The device is ready to resume operations
[   13.0] zpci: 0001:00:00.0: Event 0x304 reconfigured PCI function 0x1f
00 01795406505:860742 3 - 0001 000003ffe03d6dc6  err fid:1f, fh:80020000, pec:4
";
        let found: Vec<_> = parse(text)
            .iter()
            .map(|entry| (u16::from(entry.pec()), entry.function_id()))
            .collect();

        assert_eq!(
            found,
            [(0x3a, Some(0x1f)), (0x304, Some(0x1f)), (4, Some(0x1f))]
        );
        assert_eq!(parse(text)[0].logged.as_deref(), Some("[   12.3]"));
        assert_eq!(parse(text)[0].address, "0001:00:00.0".parse().ok());
        let journal = "Nov 29 06:19:08 host kernel: zpci: 0001:00:00.0: Event 0x3b reports an error for PCI function 0x1f";
        assert_eq!(
            parse(journal)[0].logged.as_deref(),
            Some("Nov 29 06:19:08 host")
        );
    }

    proptest! {
        #[test]
        fn any_ccdf_in_a_record_is_found(mut bytes: [u8; 32], micros in 0..4_000_000_000_000_000_u64) {
            let mut text = String::new();
            let title: [u8; 16] = *b"error CCDF:\n\0\0\0\0";
            bytes[..RESERVED.len()].copy_from_slice(&RESERVED);

            for line in [&title[..], &bytes[..16], &bytes[16..]] {
                let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
                let (s, us) = (micros / 1_000_000, micros % 1_000_000);

                text += &format!("00 {s:011}:{us:06} 0 - 0001 000003ff  {} | \n", hex.join(" "));
            }
            prop_assert_eq!(ccdfs(&text), [Ccdf::from(bytes)]);
        }

        #[test]
        fn any_text_can_be_read(text: String) {
            let _ = parse(&text);
        }

        #[test]
        fn any_line_like_a_record_can_be_read(words in proptest::collection::vec("[0-9a-f:|-]{0,12}", 0..30)) {
            let _ = parse(&words.join(" "));
        }
    }
}
