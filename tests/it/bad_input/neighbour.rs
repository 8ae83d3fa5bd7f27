//! The healthy session beside the bad input: somebody else on the same server, who chats on in a watched channel and must
//! not notice anything.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use guildhall::{ChannelId, StreamKey};
use guildhall_proto::v1::event::Payload;
use guildhall_proto::v1::{self, client_frame::Command};
use guildhall_tests::wire::{Frame, Session, Wire, nonce};

/// How long the neighbour is silent, at most, while something takes its time.
const EVERY: Duration = Duration::from_millis(200);

/// A session that watches a channel and reads every frame.
pub(super) struct Neighbour {
    session: Session,
    channel: ChannelId,
    head: u64,
    /// How often it has spoken and heard itself, and the longest that took.
    pub(super) marks: u64,
    pub(super) slowest: Duration,
    failed: bool,
}

impl Neighbour {
    /// Begins to watch.
    pub(super) async fn begin(wire: &Wire, channel: ChannelId) -> anyhow::Result<Self> {
        let mut session = wire.session().await?;
        let ready = session.identify(guildhall_tests::wire::subscribe(&[channel])).await?;
        let states = ready.guilds.into_iter().flat_map(|guild| guild.channels);
        let state = states.into_iter().find(|state| state.channel_id == channel.get());
        let head = state.and_then(|state| state.cursor).context("the channel is not in Ready")?.seq;
        Ok(Self { session, channel, head, marks: 0, slowest: Duration::ZERO, failed: false })
    }

    /// Chats on beside something: before it, now and then while it lasts, and after it. Also tells how many events of
    /// others it saw in its channel, or what it noticed beside them.
    pub(super) async fn beside<T>(&mut self, something: impl Future<Output = T>) -> (T, anyhow::Result<usize>) {
        let mut seen = self.mark().await;
        let (done, mut over) = tokio::sync::oneshot::channel::<()>();
        let something = async {
            let outcome = something.await;
            drop(done);
            outcome
        };
        let chat = async {
            while tokio::time::timeout(EVERY, &mut over).await.is_err() {
                self.add(&mut seen).await;
            }
            self.add(&mut seen).await;
        };
        let (outcome, ()) = tokio::join!(something, chat);
        (outcome, seen)
    }

    async fn add(&mut self, seen: &mut anyhow::Result<usize>) {
        // It spoke its last when it noticed something.
        if let Ok(count) = seen {
            match self.mark().await {
                Ok(more) => *count += more,
                Err(error) => *seen = Err(error),
            }
        }
    }

    /// Says something and waits to hear it; everything before it has to come in order and without a hole. Counts what
    /// others did.
    pub(super) async fn mark(&mut self) -> anyhow::Result<usize> {
        let start = Instant::now();
        ensure!(!self.failed, "it had noticed something before");
        self.failed = true;
        let own = nonce();
        let send = v1::SendMessageRequest {
            channel_id: self.channel.get(),
            content: format!("mark {}", self.marks),
            nonce: own.clone(),
            reply_to: 0,
        };
        let outcome = self.session.call(Command::SendMessage(send)).await?;
        outcome.context("its message was refused")?;
        let others = self.hear(&own).await?;
        self.marks += 1;
        self.slowest = self.slowest.max(start.elapsed());
        self.failed = false;
        Ok(others)
    }

    async fn hear(&mut self, own: &str) -> anyhow::Result<usize> {
        let stream = v1::Stream::from(StreamKey::channel(self.channel));
        let mut others = 0;
        loop {
            let event = match self.session.frame().await? {
                Frame::Event(event) if event.stream == Some(stream) => event,
                // Its guild and its user live on, and others type.
                Frame::Event(_) | Frame::Ephemeral(_) | Frame::Activity(_) => continue,
                other => bail!("it was told {other:?}"),
            };
            self.head += 1;
            ensure!(event.seq == self.head, "event {} came where {} was due", event.seq, self.head);
            match event.payload {
                Some(Payload::MessageCreated(created)) if nonce_of(&created) == own => return Ok(others),
                _ => others += 1,
            }
        }
    }
}

fn nonce_of(created: &v1::MessageCreated) -> &str {
    created.message.as_ref().map_or("", |message| &message.nonce)
}
