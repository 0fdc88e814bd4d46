// SPDX-License-Identifier: GPL-2.0-only

//! Makes QEMU raise an event, through its control socket (QMP).
//!
//! The command `device_del` asks the guest to give a function back. Each time this raises an event,
//! and nothing else happens while the guest does not know the function.

use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::os::unix::net::UnixStream;

const GREET: &str = r#"{"execute":"qmp_capabilities"}"#;
const RING: &str = r#"{"execute":"device_del","arguments":{"id":"bell"}}"#;

/// Rings once, and returns when QEMU has raised the event. `control` keeps the connection.
pub fn ring(socket: &str, control: &mut Option<BufReader<UnixStream>>) -> Result<()> {
    let stream = match control {
        Some(stream) => stream,
        None => {
            let mut stream = BufReader::new(UnixStream::connect(socket)?);
            stream.read_line(&mut String::new())?;
            command(&mut stream, GREET)?;
            control.insert(stream)
        }
    };
    command(stream, RING)
}

fn command(stream: &mut BufReader<UnixStream>, text: &str) -> Result<()> {
    writeln!(stream.get_mut(), "{text}")?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        // QEMU sends its own events as lines in between; they are skipped.
        if line.starts_with(r#"{"return""#) {
            return Ok(());
        }
        if line.starts_with(r#"{"error""#) {
            return Err(Error::other(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    /// The clock of a guest with `-icount` does not stop for a bell that rings later.
    #[test]
    fn returns_when_the_event_is_raised() {
        let (ours, mut qemu) = UnixStream::pair().unwrap();
        let raised = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut line = String::new();
                let mut commands = BufReader::new(qemu.try_clone().unwrap());
                commands.read_line(&mut line).unwrap();
                assert_eq!(RING, line.trim_end());
                thread::sleep(Duration::from_millis(20));
                raised.store(true, Ordering::Release);
                qemu.write_all(b"{\"event\": \"X\"}\n{\"return\": {}}\n")
                    .unwrap();
            });
            ring("", &mut Some(BufReader::new(ours))).unwrap();
            assert!(raised.load(Ordering::Acquire));
        });
    }
}
