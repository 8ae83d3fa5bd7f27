//! Stdin, line by line, byte for byte.

use std::io::{self, BufRead as _, Read as _};

use tokio::sync::mpsc;

use crate::fault::Result;

/// Lines that are read and not sent. When full, stdin waits.
const READ_MAX: usize = 64;
/// No message is longer; what is beyond is not even kept to be refused.
const LINE_BYTES_MAX: u64 = 16 * 1024;

/// A line of stdin.
pub(super) struct Line {
    pub(super) number: u64,
    /// `None` if it is too long or not UTF-8.
    pub(super) text: Option<String>,
    pub(super) bytes: u64,
}

/// Reads stdin in a thread of its own: it may wait for a person.
pub(super) fn read_lines() -> mpsc::Receiver<Result<Line>> {
    let (lines, read) = mpsc::channel(READ_MAX);
    std::thread::spawn(move || {
        let mut number = 0;
        let mut stdin = io::stdin().lock();
        loop {
            number += 1;
            let line = match next_line(&mut stdin, number) {
                Ok(None) => return,
                Ok(Some(line)) => Ok(line),
                Err(error) => Err(error.into()),
            };
            let is_last = line.is_err();
            if lines.blocking_send(line).is_err() || is_last {
                return;
            }
        }
    });
    read
}

/// The next line without its line feed; `None` at the end.
fn next_line(input: &mut impl io::BufRead, number: u64) -> io::Result<Option<Line>> {
    let mut text = Vec::new();
    let mut bytes = input.take(LINE_BYTES_MAX).read_until(b'\n', &mut text)? as u64;
    if bytes == 0 {
        return Ok(None);
    }
    let is_whole = text.last() == Some(&b'\n');
    if is_whole {
        text.pop();
    } else if bytes == LINE_BYTES_MAX {
        bytes += skip_line(input)?;
        return Ok(Some(Line { number, text: None, bytes }));
    }
    let text = String::from_utf8(text).ok();
    Ok(Some(Line { number, text, bytes }))
}

/// Reads to the end of the line and keeps nothing.
fn skip_line(input: &mut impl io::BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = input.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        input.consume(length);
        skipped += length as u64;
        if end.is_some() || length == 0 {
            return Ok(skipped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mut input: &[u8]) -> Vec<(u64, Option<String>, u64)> {
        let mut found = Vec::new();
        let mut number = 1;
        while let Some(line) = next_line(&mut input, number).unwrap() {
            found.push((line.number, line.text, line.bytes));
            number += 1;
        }
        found
    }

    #[test]
    fn a_line_is_what_stands_before_its_line_feed() {
        let found = lines(b"one\n\ntwo\r\n  three\t");
        let expected = [(1, "one", 4), (2, "", 1), (3, "two\r", 5), (4, "  three\t", 8)];
        let expected = expected.map(|(number, text, bytes)| (number, Some(text.to_owned()), bytes));
        assert_eq!(found, expected);
        assert!(lines(b"").is_empty());
    }

    #[test]
    fn what_no_message_can_be_is_not_kept() {
        let mut input = vec![b'x'; 100_000];
        input.extend_from_slice(b"\nok\n\xff\n");
        let found = lines(&input);
        assert_eq!(found[0], (1, None, 100_001));
        assert_eq!(found[1], (2, Some("ok".to_owned()), 3));
        assert_eq!(found[2], (3, None, 2));
    }
}
