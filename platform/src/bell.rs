// SPDX-License-Identifier: GPL-2.0-only

//! Makes QEMU raise an event, through its control socket (QMP).
//!
//! The command `device_del` asks the guest to give a function back. Each time this raises an event,
//! and nothing else happens while the guest does not know the function.

use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver;

const GREET: &str = r#"{"execute":"qmp_capabilities"}"#;
const RING: &str = r#"{"execute":"device_del","arguments":{"id":"bell"}}"#;

/// Rings once for each message received, and passes errors to `complain`.
pub fn serve(socket: &str, rings: &Receiver<()>, complain: impl Fn(&str)) {
    let mut control = None;
    while rings.recv().is_ok() {
        if let Err(error) = ring(socket, &mut control) {
            complain(&format!("the bell does not ring: {error}"));
        }
    }
}

fn ring(socket: &str, control: &mut Option<BufReader<UnixStream>>) -> Result<()> {
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
