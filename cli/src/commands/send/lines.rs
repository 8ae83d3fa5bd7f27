//! `send --lines`: many messages in order through the gateway, which keeps what cannot be sent now and repeats what may
//! have been lost.

use std::io::{self, BufRead as _, Read as _};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use guildhall::{ChannelId, Events, Gateway, Kind, Nonce, Sent};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::progress::Progress;
use crate::app::App;
use crate::commands::connection;
use crate::fault::{Fault, Result};
use crate::output;

/// Lines that are sent and not settled. Below what the gateway keeps, so it never refuses one for lack of room.
const IN_FLIGHT_MAX: usize = 512;
/// Lines that are read and not sent. When full, stdin waits.
const READ_MAX: usize = 64;
/// No message is longer; what is beyond is not even kept to be refused.
const LINE_BYTES_MAX: u64 = 16 * 1024;

/// What to send where.
pub(super) struct Lines {
    pub(super) channel: String,
    /// What the nonces are made of; random ones without it.
    pub(super) base: Option<Nonce>,
}

/// A line of stdin.
struct Line {
    number: u64,
    /// `None` if it is too long or not UTF-8.
    text: Option<String>,
    bytes: u64,
}

struct Settled {
    number: u64,
    bytes: u64,
    outcome: Result<Sent, guildhall::Error>,
}

#[derive(Default)]
struct Count {
    sent: u64,
    duplicates: u64,
    blank: u64,
    refused: u64,
}

impl Lines {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let client = app.client()?;
        let channel = ChannelId(app.channel_id_at_last(&client, &self.channel).await?);
        let (gateway, mut events) = client.gateway().connect().await?;
        let mut job = Job {
            app,
            channel,
            base: self.base,
            gateway,
            pending: FuturesOrdered::new(),
            progress: Progress::new(app.out),
            count: Count::default(),
            first_refusal: None,
        };
        connection::report(app.out, &job.gateway);
        let outcome = job.run(&mut events).await;
        job.progress.finish();
        if outcome.is_ok() {
            job.gateway.close().await;
        }
        job.summary();
        outcome.and_then(|()| job.verdict())
    }
}

struct Job<'a> {
    app: &'a App,
    channel: ChannelId,
    base: Option<Nonce>,
    gateway: Gateway,
    pending: FuturesOrdered<BoxFuture<'static, Settled>>,
    progress: Progress,
    count: Count,
    first_refusal: Option<(u64, Fault)>,
}

impl Job<'_> {
    async fn run(&mut self, events: &mut Events) -> Result<()> {
        let mut lines = read_lines();
        let mut is_open = true;
        let mut listening = true;
        while is_open || !self.pending.is_empty() {
            let has_room = self.pending.len() < IN_FLIGHT_MAX;
            tokio::select! {
                line = lines.recv(), if is_open && has_room => match line {
                    Some(line) => self.send(line?),
                    None => is_open = false,
                },
                settled = self.pending.next(), if !self.pending.is_empty() => {
                    if let Some(settled) = settled {
                        self.settle(settled)?;
                    }
                }
                // Nothing is subscribed to, but what comes must be taken.
                event = events.next(), if listening => listening = event.is_some(),
                _ = tokio::signal::ctrl_c() => return Err(self.interrupted()),
            }
        }
        Ok(())
    }

    fn send(&mut self, line: Line) {
        let Line { number, text, bytes } = line;
        let Some(text) = text else {
            self.refuse(number, Fault::usage("longer than any message, or not UTF-8"));
            return;
        };
        if text.trim().is_empty() {
            self.count.blank += 1;
            self.progress.advance(bytes, self.count.sent);
            return;
        }
        let mut send = self.gateway.send(self.channel, text);
        if let Some(base) = &self.base {
            send = send.nonce(line_nonce(base, number));
        }
        let receipt = send.enqueue();
        self.pending.push_back(Box::pin(async move {
            let outcome = receipt.await;
            Settled { number, bytes, outcome }
        }));
    }

    fn settle(&mut self, settled: Settled) -> Result<()> {
        let Settled { number, bytes, outcome } = settled;
        match outcome {
            Ok(sent) => self.acknowledge(number, &sent)?,
            // Not this line's fault: nothing that follows can be sent either.
            Err(error) if error.kind() == Kind::Closed => {
                connection::ending(&self.gateway)?;
                return Err(Fault::from(error).context(format!("line {number}")));
            }
            Err(error) => self.refuse(number, error.into()),
        }
        self.progress.advance(bytes, self.count.sent);
        Ok(())
    }

    fn acknowledge(&mut self, number: u64, sent: &Sent) -> Result<()> {
        self.count.sent += 1;
        self.count.duplicates += u64::from(sent.duplicate);
        if !self.app.out.json {
            return Ok(());
        }
        let line = json!({
            "line": number,
            "message_id": sent.message_id.to_string(),
            "create_time": sent.create_time.to_string(),
            "duplicate": sent.duplicate,
            "nonce": sent.nonce,
        });
        output::line(&line.to_string())
    }

    fn refuse(&mut self, number: u64, fault: Fault) {
        self.count.refused += 1;
        let text = if self.app.out.json {
            let mut json = fault.json();
            json["line"] = number.into();
            json.to_string()
        } else {
            format!("line {number} refused: {fault}")
        };
        self.progress.say(&text);
        self.first_refusal.get_or_insert((number, fault));
    }

    fn interrupted(&self) -> Fault {
        let open = self.pending.len();
        Fault::interrupted().remedy(format!("{open} lines may or may not be stored"))
    }

    fn summary(&self) {
        let Count { sent, duplicates, blank, refused } = self.count;
        if self.app.out.json {
            let json = json!({"summary": {"sent": sent, "duplicates": duplicates, "blank": blank, "refused": refused}});
            self.progress.say(&json.to_string());
            return;
        }
        let before = if duplicates == 0 { String::new() } else { format!(" ({duplicates} stored before)") };
        self.app.out.note(format!("sent {sent}{before}, skipped {blank} blank, refused {refused}"));
    }

    fn verdict(self) -> Result<()> {
        let (refused, sent) = (self.count.refused, self.count.sent);
        match self.first_refusal {
            None => Ok(()),
            Some((number, fault)) => {
                let total = refused + sent;
                Err(fault.context(format!("{refused} of {total} lines were refused, first line {number}")))
            }
        }
    }
}

/// The nonce of one line: the same for the same base and line, in every run.
fn line_nonce(base: &Nonce, number: u64) -> Nonce {
    let digest = Sha256::new()
        .chain_update(b"guildhall-cli line\0")
        .chain_update(base.to_string())
        .chain_update(number.to_be_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Nonce::from(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Reads stdin in a thread of its own: it may wait for a person.
fn read_lines() -> mpsc::Receiver<Result<Line>> {
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

    #[test]
    fn a_line_keeps_its_nonce_in_every_run() {
        let base: Nonce = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().unwrap();
        let nonce = line_nonce(&base, 1);
        assert_eq!(nonce, line_nonce(&base, 1));
        assert_ne!(nonce, line_nonce(&base, 2));
        assert_ne!(nonce, line_nonce(&Nonce::random(), 1));
    }
}
