//! A sequencer whose engine fails once: what was handed over together fails together.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use guildhall_proto::ids::{ChannelId, MessageId, UserId};
use uuid::Uuid;

use super::{
    BATCH_MAX, Outcome, Refusal, Sequencer, StorageFault,
    tests::{Bench, CHANNEL, Heard, command, send},
};
use crate::{
    clock::Clock,
    store::{Anchor, Append, ChannelLog, Entry, Error, MessageRow, Page, Position, Record, Result, Sent},
};

/// A log whose first append fails.
struct FailsOnce(Arc<dyn ChannelLog>, AtomicBool);

#[async_trait]
impl ChannelLog for FailsOnce {
    async fn append(&self, channel: ChannelId, expected_head: u64, entries: Vec<Entry>) -> Result<Append> {
        if !self.1.swap(true, Ordering::SeqCst) {
            return Err(Error::Unavailable("the first time".into()));
        }
        self.0.append(channel, expected_head, entries).await
    }

    async fn position(&self, channel: ChannelId) -> Result<Option<Position>> {
        self.0.position(channel).await
    }

    async fn positions(&self, channels: &[ChannelId]) -> Result<Vec<Option<Position>>> {
        self.0.positions(channels).await
    }

    async fn read(&self, channel: ChannelId, after: u64, limit: usize) -> Result<Vec<Record>> {
        self.0.read(channel, after, limit).await
    }

    async fn sent(&self, channel: ChannelId, author: UserId, nonce: Uuid) -> Result<Option<Sent>> {
        self.0.sent(channel, author, nonce).await
    }

    async fn messages(&self, channel: ChannelId, ids: &[MessageId]) -> Result<Vec<MessageRow>> {
        self.0.messages(channel, ids).await
    }

    async fn page(&self, channel: ChannelId, anchor: Anchor, limit: usize) -> Result<Option<Page>> {
        self.0.page(channel, anchor, limit).await
    }
}

#[tokio::test]
async fn what_was_handed_over_together_fails_together() {
    let bench = Bench::new().await;
    let log = Arc::new(FailsOnce(Arc::clone(&bench.store.log), AtomicBool::new(false)));
    let sequencer = Sequencer::new(log, Arc::<Heard>::default(), Clock::manual(1_000));
    // The first append takes those of here and a part of what was handed over.
    let own = BATCH_MAX - 10;
    let mut tickets: Vec<_> = (0..own as u128)
        .map(|nonce| sequencer.submit(CHANNEL, command(1, send(nonce, "x", None))).expect("room"))
        .collect();
    let handed = (0..50).map(|nonce| command(2, send(nonce, "x", None))).collect();
    tickets.extend(sequencer.submit_handed(CHANNEL, 7, handed).expect("room"));
    let after = sequencer.submit(CHANNEL, command(1, send(9_999, "x", None))).expect("room");
    for ticket in tickets {
        assert_eq!(ticket.wait().await, Err(Refusal::Storage(StorageFault::Unavailable)));
    }
    let first = after.wait().await;
    assert!(matches!(first, Ok(Outcome::Sent { message: MessageId(1), .. })), "{first:?}");
}
