// SPDX-License-Identifier: MIT OR Apache-2.0

//! Events in what the kernel writes down: its record of errors, and its messages.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use zpci_recover::{Address, Ccdf, Pec, Severity};

use crate::error::{Error, Result};

/// The kernel's record of errors, a view of the s390 debug feature.
const RECORD: &str = "/sys/kernel/debug/s390dbf/pci_error/hex_ascii";

/// An event that was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub time: Option<SystemTime>,
    /// What a message has before it, such as the time since the machine was started.
    pub logged: Option<String>,
    /// Of the function, in a message.
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

/// As much as is known of it.
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

/// What there is of the kernel's record: a ring, which forgets its oldest lines.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Errors, oldest first.
    pub errors: Vec<Entry>,
    /// When the oldest and the newest of all lines were written, whatever they are about.
    pub span: Option<(SystemTime, SystemTime)>,
}

impl Kept {
    /// Whether lines are gone that nobody can have read by then, when `seen` was the newest.
    pub fn misses(&self, seen: Option<SystemTime>) -> bool {
        match (self.span, seen) {
            (Some((oldest, _)), Some(seen)) => oldest > seen,
            _ => false,
        }
    }
}

fn kept(text: &str) -> Kept {
    let times = || text.lines().filter_map(|line| Some(split(line)?.0.time));
    let mut errors = parse(text);

    errors.retain(|entry| entry.pec().severity() != Severity::Availability);
    Kept {
        errors,
        span: times().min().zip(times().max()),
    }
}

/// Reads the kernel's record.
pub fn record() -> Result<Kept> {
    let path = Path::new(RECORD);
    let text = fs::read_to_string(path).map_err(|error| Error::Read {
        path: path.to_owned(),
        error,
    })?;

    Ok(kept(&text))
}

/// The errors in the kernel's record, oldest first.
pub fn errors() -> Result<Vec<Entry>> {
    Ok(record()?.errors)
}

/// All events in a text, in its order.
pub fn parse(text: &str) -> Vec<Entry> {
    let mut record = Record::default();

    in_order(text)
        .into_iter()
        .filter_map(|line| record.line(line).or_else(|| message(line)))
        .collect()
}

/// The record is a ring of lines, shown from its beginning and not from the oldest one: time goes
/// back once, where the newest line is followed by the oldest.
fn in_order(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    let times: Vec<_> = lines
        .iter()
        .map(|line| split(line).map(|(head, _)| head.time))
        .collect();
    let goes_back = |i: &usize| times[*i].is_some() && times[*i] < times[*i - 1];
    let mut seams = (1..times.len()).filter(goes_back);

    // More than one is not of the record's making.
    if let (Some(seam), None) = (seams.next(), seams.next()) {
        lines.rotate_left(seam);
    }
    lines
}

/// The record has a CCDF as a title and two lines of 16 bytes. The two are written at once; between
/// the title and them there may be others, even of the same processor.
#[derive(Default)]
struct Record<'a> {
    /// CCDFs of which there is only a title yet.
    titles: usize,
    before: Option<(Head<'a>, [u8; LINE_BYTES])>,
}

const LINE_BYTES: usize = 16;

/// How a CCDF begins. A failed instruction, which has two lines as well, begins with its code.
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

/// `area time level exception cpu caller  16 bytes | text`
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

/// `… Event 0x3a reports an error for PCI function 0x1`, and what the record of messages has.
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

/// What comes before `zpci: 0001:00:00.0: Event …`, and the address.
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

    /// As Linux 7.3 has written it.
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

    #[test]
    fn lines_that_nobody_has_read_are_missed() {
        let lines: Vec<_> = REAL.lines().collect();
        let seen = kept(&lines[..2].join("\n")).span.map(|(_, newest)| newest);

        assert!(!kept(REAL).misses(seen));
        assert!(!kept(&lines[1..].join("\n")).misses(seen));
        assert!(kept(&lines[3..].join("\n")).misses(seen));
        assert!(!kept(REAL).misses(None));
        assert!(!kept("").misses(seen));
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
