//! `send --lines`: many messages in order through the gateway, which keeps what cannot be sent now and repeats what may
//! have been lost.

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use guildhall::{ChannelId, Events, Gateway, Kind, Nonce, Sent};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::progress::Progress;
use super::stdin::{Line, read_lines};
use crate::app::App;
use crate::commands::connection::{News, ending};
use crate::commands::stop::Stop;
use crate::fault::{Fault, Result};
use crate::output;

/// Lines that are sent and not settled. Below what the gateway keeps, so it never refuses one for lack of room.
const IN_FLIGHT_MAX: usize = 512;

/// What to send where.
pub(super) struct Lines {
    pub(super) channel: String,
    /// What the nonces are made of; random ones without it.
    pub(super) base: Option<Nonce>,
}

struct Settled {
    number: u64,
    bytes: u64,
    outcome: Result<Sent, Refusal>,
}

enum Refusal {
    /// No message can be made of it.
    Unreadable,
    /// By the limits or by the server.
    Error(guildhall::Error),
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
        News::new(&job.gateway, false).tell(app.out);
        let outcome = job.run(&mut events, Stop::new()?).await;
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
    async fn run(&mut self, events: &mut Events, mut stop: Stop) -> Result<()> {
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
                        self.settle(settled).await?;
                    }
                }
                // Nothing is subscribed to, but what comes must be taken.
                event = events.next(), if listening => listening = event.is_some(),
                _ = stop.requested() => return Err(self.interrupted()),
            }
        }
        Ok(())
    }

    fn send(&mut self, line: Line) {
        let Line { number, text, bytes } = line;
        let Some(text) = text else {
            // Told in its turn, like all the others.
            let outcome = Err(Refusal::Unreadable);
            self.pending.push_back(Box::pin(std::future::ready(Settled { number, bytes, outcome })));
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
            let outcome = receipt.await.map_err(Refusal::Error);
            Settled { number, bytes, outcome }
        }));
    }

    async fn settle(&mut self, settled: Settled) -> Result<()> {
        let Settled { number, bytes, outcome } = settled;
        match outcome {
            Ok(sent) => self.acknowledge(number, &sent)?,
            // Not this line's fault: nothing that follows can be sent either.
            Err(Refusal::Error(error)) if error.kind() == Kind::Closed => {
                ending(&self.gateway).await?;
                return Err(Fault::from(error).context(format!("line {number}")));
            }
            Err(Refusal::Error(error)) => self.refuse(number, error.into()),
            Err(Refusal::Unreadable) => self.refuse(number, Fault::usage("longer than any message, or not UTF-8")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_nonce_in_every_run() {
        let base: Nonce = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().unwrap();
        let nonce = line_nonce(&base, 1);
        assert_eq!(nonce, line_nonce(&base, 1));
        assert_ne!(nonce, line_nonce(&base, 2));
        assert_ne!(nonce, line_nonce(&Nonce::random(), 1));
    }
}
