//! Records what happens around a channel, for the checker: writers that send, readers that listen, the log at the end.

mod raw;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use guildhall::{ChannelId, Client, Event, Events, Gateway, MessageId, Nonce, StreamKey};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::checker::{Ack, History, Logged, Reader, Seen};
use crate::eventually::soon;

/// What was sent to a channel and acknowledged, by all writers together.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    sends: HashMap<String, String>,
    acks: Vec<Ack>,
}

impl Ledger {
    /// Notes that something is about to be sent.
    pub fn sends(&self, nonce: impl Into<String>, content: impl Into<String>) {
        self.0.lock().sends.insert(nonce.into(), content.into());
    }

    /// Notes an acknowledgement.
    pub fn acknowledges(&self, nonce: impl Into<String>, message_id: u64) {
        self.0.lock().acks.push(Ack { nonce: nonce.into(), message_id });
    }

    /// How many acknowledgements there are.
    pub fn acknowledged(&self) -> usize {
        self.0.lock().acks.len()
    }

    /// Sends through a gateway, keeping many sends under way, until told to stop; ends when all are acknowledged.
    ///
    /// # Panics
    /// If one is refused.
    pub async fn write(&self, gateway: &Gateway, channel: ChannelId, texts: impl Iterator<Item = String>) {
        /// Sends of one writer that are not acknowledged yet.
        const UNDER_WAY: usize = 64;
        self.write_at_pace(gateway, channel, stream::iter(texts), UNDER_WAY).await;
    }

    /// The same at the pace of the texts, with so many sends under way at most.
    ///
    /// # Panics
    /// If one is refused.
    pub async fn write_at_pace(
        &self,
        gateway: &Gateway,
        channel: ChannelId,
        texts: impl Stream<Item = String>,
        under_way: usize,
    ) {
        let receipts = texts.map(async |content| {
            let nonce = Nonce::random();
            self.sends(nonce.to_string(), &content);
            let sent = gateway.send(channel, content).nonce(nonce).await.expect("an acknowledgement");
            self.acknowledges(nonce.to_string(), sent.message_id.get());
        });
        receipts.buffered(under_way).for_each(async |()| {}).await;
    }

    /// The history for the checker.
    pub fn history(&self, log: Vec<Logged>, readers: Vec<Reader>) -> History {
        let entries = self.0.lock();
        History { sends: entries.sends.clone(), acks: entries.acks.clone(), log, readers }
    }
}

/// All messages of a channel as History has them, oldest first.
///
/// # Panics
/// If they cannot be read.
pub async fn log(client: &Client, channel: ChannelId) -> Vec<Logged> {
    let messages = client.history().messages(channel).after(MessageId(0)).page_size(100).stream();
    let logged = messages.map_ok(|message| Logged {
        message_id: message.id.get(),
        nonce: message.nonce,
        content: message.content,
    });
    logged.try_collect().await.expect("the history can be read")
}

/// A reader at work: notes what the SDK shows of one channel.
#[derive(Debug)]
pub struct Reading {
    shown: watch::Receiver<u64>,
    stop: tokio::sync::oneshot::Sender<()>,
    task: JoinHandle<Reader>,
}

impl Reading {
    /// Begins to note; `from` is the last event that will not be shown.
    pub fn begin(name: impl Into<String>, events: Events, channel: ChannelId, from: u64) -> Self {
        let reader = Reader { name: name.into(), from, complete: true, seen: Vec::new() };
        let (tell, shown) = watch::channel(from);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(note(reader, events, channel, tell, stopped));
        Self { shown, stop, task }
    }

    /// Waits until an event was shown, or a later one.
    ///
    /// # Panics
    /// If it is not shown in time.
    pub async fn shown(&mut self, seq: u64) {
        let wait = self.shown.wait_for(|shown| *shown >= seq);
        let heard = soon(&format!("a reader is shown event {seq}"), wait).await.is_ok();
        assert!(heard, "the reader's events ended before event {seq}");
    }

    /// Waits until an event was shown, then returns everything that was noted.
    ///
    /// # Panics
    /// If it is not shown in time.
    pub async fn until(mut self, seq: u64) -> Reader {
        self.shown(seq).await;
        let _ = self.stop.send(());
        self.task.await.expect("a reader does not fail")
    }
}

async fn note(
    mut reader: Reader,
    mut events: Events,
    channel: ChannelId,
    tell: watch::Sender<u64>,
    mut stopped: tokio::sync::oneshot::Receiver<()>,
) -> Reader {
    let stream = StreamKey::channel(channel);
    loop {
        let event = tokio::select! {
            _ = &mut stopped => return reader,
            event = events.next() => event,
        };
        let Some(event) = event else { return reader };
        if let Some((seq, seen)) = seen(stream, &event) {
            reader.seen.push(seen);
            tell.send_replace(seq);
        }
    }
}

/// What an event is to the checker, if it is one of this stream.
fn seen(stream: StreamKey, event: &Event) -> Option<(u64, Seen)> {
    if let Event::Gap(gap) = event {
        let seq = gap.cursor.filter(|_| gap.stream == stream)?.seq;
        return Some((seq, Seen::Resync { seq }));
    }
    let seq = event.cursor().filter(|cursor| cursor.stream == stream)?.seq;
    let seen = match event {
        Event::MessageCreated(message) => {
            Seen::Created { seq, nonce: message.nonce.clone(), content: message.content.clone() }
        }
        _ => Seen::Other { seq },
    };
    Some((seq, seen))
}
