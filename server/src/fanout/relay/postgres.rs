//! The bus and the records where there is nothing but Postgres: words by NOTIFY, which all nodes hear, and two tables.

use std::time::Duration;

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD as BASE64};
use bytes::{Buf, BufMut, Bytes};
use guildhall_proto::ids::{GuildId, UserId};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use super::{
    ReadResult,
    bus::{Bus, Heard, Line, Parcel, Place, Wants},
    records::{Change, NODE_LIFE, Records},
    wire,
};
use crate::{
    fanout::presence::{NodeId, Record},
    store::postgres::{
        notify::{Notify, WORD_MAX},
        presences::{PresenceRow, Presences},
    },
};

/// Payloads are gathered for this long: a word costs as much as a transaction.
const GATHER: Duration = Duration::from_millis(1);
/// Payloads that are gathered at most.
const GATHERED_MAX: usize = 1_024;
/// Bytes of one word, before they are written as text.
const WORD_BYTES_MAX: usize = WORD_MAX / 4 * 3;
/// The largest payload: one word, with the name of its place.
const PAYLOAD_MAX: usize = WORD_BYTES_MAX - 64;
/// How long a word may take to be said.
const SAY: Duration = Duration::from_secs(1);
/// The pauses between attempts to listen; doubled each time.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The bus.
pub struct PostgresBus(Notify);

/// The records.
pub struct PostgresRecords(Presences);

impl PostgresBus {
    /// By the words of a database.
    pub fn new(notify: Notify) -> Self {
        Self(notify)
    }
}

impl PostgresRecords {
    /// In the tables of a database.
    pub fn new(presences: Presences) -> Self {
        Self(presences)
    }
}

#[async_trait]
impl Bus for PostgresBus {
    fn payload_max(&self) -> usize {
        PAYLOAD_MAX
    }

    fn is_broadcast(&self) -> bool {
        true
    }

    async fn run(self: Box<Self>, line: Line) {
        let Line { wants, outgoing, heard, stop: _ } = line;
        let (listening, listens) = watch::channel(false);
        tokio::join!(
            say(&self.0, outgoing),
            listen(&self.0, &listening, &wants, &heard),
            // All is heard as it is: whatever is wanted is there at once.
            confirm(listens, &wants, &heard),
        );
    }
}

async fn say(notify: &Notify, mut outgoing: mpsc::Receiver<Parcel>) {
    let mut gathered = Vec::new();
    while outgoing.recv_many(&mut gathered, GATHERED_MAX).await > 0 {
        sleep(GATHER).await;
        while gathered.len() < GATHERED_MAX
            && let Ok(parcel) = outgoing.try_recv()
        {
            gathered.push(parcel);
        }
        for word in words(gathered.drain(..)) {
            match timeout(SAY, notify.send(word)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a word to the other nodes is lost"),
                Err(_) => tracing::debug!("a word to the other nodes is lost: no answer"),
            }
        }
    }
}

async fn listen(notify: &Notify, listening: &watch::Sender<bool>, wants: &Wants, heard: &mpsc::Sender<Heard>) {
    let mut pause = PAUSE_MIN;
    let mut lost = false;
    loop {
        if let Ok(Ok(mut listener)) = timeout(SAY, notify.listen()).await {
            pause = PAUSE_MIN;
            listening.send_replace(true);
            if heard.send(Heard::Subscribed(wants.all())).await.is_err() {
                return;
            }
            while let Some(word) = listener.next().await {
                for parcel in parcels(&word) {
                    lost |= heard.try_send(Heard::Parcel(parcel)).is_err();
                }
                lost = lost && heard.try_send(Heard::Lost).is_err();
            }
            listening.send_replace(false);
        }
        lost = heard.try_send(Heard::Lost).is_err();
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn confirm(mut listening: watch::Receiver<bool>, wants: &Wants, heard: &mpsc::Sender<Heard>) {
    loop {
        wants.changed().await;
        // Whoever begins to listen confirms all.
        if listening.wait_for(|listening| *listening).await.is_err() {
            return;
        }
        let added = wants.take().added;
        if !added.is_empty() && heard.send(Heard::Subscribed(added)).await.is_err() {
            return;
        }
    }
}

/// Payloads put together, as many as go into one word.
fn words(parcels: impl Iterator<Item = Parcel>) -> Vec<String> {
    let mut words = Vec::new();
    let mut bytes: Vec<u8> = Vec::new();
    for Parcel { place, payload } in parcels {
        let name = place.name();
        let (Ok(name_length), Ok(length)) = (u8::try_from(name.len()), u16::try_from(payload.len())) else { continue };
        if bytes.len() + 3 + name.len() + payload.len() > WORD_BYTES_MAX {
            words.push(BASE64.encode(&bytes));
            bytes.clear();
        }
        bytes.put_u8(name_length);
        bytes.put(name.as_bytes());
        bytes.put_u16(length);
        bytes.put(payload);
    }
    if !bytes.is_empty() {
        words.push(BASE64.encode(&bytes));
    }
    words
}

/// What was put together. Whatever makes no sense comes as a payload that makes none, and is counted as such.
fn parcels(word: &str) -> Vec<Parcel> {
    let mut parcels = Vec::new();
    let Ok(bytes) = BASE64.decode(word) else { return vec![nonsense()] };
    let mut rest = Bytes::from(bytes);
    while !rest.is_empty() {
        let Some(parcel) = parcel(&mut rest) else {
            parcels.push(nonsense());
            break;
        };
        parcels.push(parcel);
    }
    parcels
}

fn parcel(rest: &mut Bytes) -> Option<Parcel> {
    let name_length = usize::from(rest.try_get_u8().ok()?);
    let name = (rest.len() >= name_length).then(|| rest.split_to(name_length))?;
    let place = Place::parse(std::str::from_utf8(&name).ok()?)?;
    let length = usize::from(rest.try_get_u16().ok()?);
    let payload = (rest.len() >= length).then(|| rest.split_to(length))?;
    Some(Parcel { place, payload })
}

fn nonsense() -> Parcel {
    Parcel { place: Place::Nodes, payload: Bytes::new() }
}

#[async_trait]
impl Records for PostgresRecords {
    async fn beat(&self, node: NodeId) -> ReadResult<bool> {
        Ok(self.0.beat(node, u32::try_from(NODE_LIFE.as_secs()).unwrap_or(u32::MAX)).await?)
    }

    async fn write(&self, changes: &[Change]) -> ReadResult<()> {
        let (here, gone): (Vec<_>, Vec<_>) =
            changes.iter().map(|change| &change.record).partition(|record| record.shown.is_some());
        let rows: Vec<PresenceRow> = here.into_iter().map(row).collect();
        if !rows.is_empty() {
            self.0.write(&rows).await?;
        }
        if let Some(node) = gone.first().map(|record| record.node) {
            let users: Vec<UserId> = gone.iter().map(|record| record.user).collect();
            self.0.delete(node, &users).await?;
        }
        Ok(())
    }

    async fn in_guild(&self, guild: GuildId) -> ReadResult<Vec<Record>> {
        Ok(decoded(self.0.in_guild(guild).await?))
    }

    async fn of_user(&self, user: UserId) -> ReadResult<Vec<Record>> {
        Ok(decoded(self.0.of_user(user).await?))
    }

    async fn leave(&self, node: NodeId) -> ReadResult<()> {
        Ok(self.0.leave(node).await?)
    }
}

fn row(record: &Record) -> PresenceRow {
    PresenceRow {
        node: record.node,
        user: record.user,
        guilds: record.guilds.clone(),
        record: wire::encode_record(record),
    }
}

fn decoded(rows: Vec<Vec<u8>>) -> Vec<Record> {
    rows.iter().filter_map(|bytes| wire::decode_record(bytes)).collect()
}

#[cfg(test)]
mod tests {
    use guildhall_proto::ids::StreamKey;
    use proptest::prelude::*;

    use super::*;
    use crate::fanout::Topic;

    #[test]
    fn words_hold_what_was_put_together() {
        let many = (0..1_000u64).map(|id| Parcel {
            place: Place::Topic(Topic::Stream(StreamKey::user(UserId(u64::MAX - id)))),
            payload: wire::head(id, u64::MAX),
        });
        let many: Vec<_> = many.chain([Parcel { place: Place::Nodes, payload: vec![7; PAYLOAD_MAX].into() }]).collect();
        let words = words(many.clone().into_iter());
        assert!(words.iter().all(|word| word.len() <= WORD_MAX));
        let back: Vec<_> = words.iter().flat_map(|word| parcels(word)).collect();
        assert_eq!(back.len(), many.len());
        assert!(back.iter().zip(&many).all(|(a, b)| a.place == b.place && a.payload == b.payload));
    }

    proptest! {
        #[test]
        fn no_word_does_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,50}") {
            parcels(&BASE64.encode(bytes));
            parcels(&text);
        }
    }
}
