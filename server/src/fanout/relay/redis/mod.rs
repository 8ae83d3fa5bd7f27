//! The bus, the records and the rate limits in Redis: alone, behind sentinels or as a cluster, with or without TLS, by its
//! URL. The only folder that knows `fred`.
//!
//! A Redis that is gone, hangs, or answers errors is down and nothing else: it is asked again for ever, and what it should
//! have carried meanwhile is dropped.

mod ledger;

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use fred::{
    clients::{Client, SubscriberClient},
    error::ErrorKind,
    interfaces::{ClientLike, EventInterface, HashesInterface, KeysInterface, PubsubInterface},
    types::{
        Builder, ClientState, ConnectHandle, Expiration, SetOptions, Value,
        config::{Config, ReconnectPolicy},
    },
};
use guildhall_proto::ids::{GuildId, UserId};
use tokio::{
    sync::{broadcast::error::RecvError, mpsc},
    time::{Instant, sleep, timeout},
};

use super::{
    ReadResult,
    bus::{Bus, Changes, Heard, Line, Parcel, Place, Wants},
    records::{Change, NODE_LIFE, Records},
    wire,
};
use crate::{
    breaker::{Breaker, Verdict},
    fanout::presence::{NodeId, Record},
    metrics::Dependency,
};
pub use ledger::RedisLedger;

/// How long Redis may take to answer.
const ANSWER: Duration = Duration::from_secs(1);
/// The pauses between attempts to connect, in milliseconds; doubled each time.
const PAUSE_MIN_MS: u32 = 50;
const PAUSE_MAX_MS: u32 = 1_000;
/// Commands that wait for a connection; further ones fail at once.
const COMMANDS_MAX: usize = 10_000;
/// Payloads that wait to be handed on. Full: the oldest are lost, and the heads are compared.
const MESSAGES_MAX: usize = 8_192;
/// Payloads that go in one write.
const BATCH_MAX: usize = 128;
/// Places of one subscription.
const PLACES_MAX: usize = 512;
/// The largest payload, in bytes.
const PAYLOAD_MAX: usize = 512 << 10;
/// When subscribing is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// Records that nobody has written for this long go, in seconds; they are written again each hour.
const RECORDS_LIFE_S: i64 = 24 * 60 * 60;

/// An answer of the driver.
type FredResult<T> = Result<T, fred::error::Error>;

/// Why there can be no bus of this address.
#[derive(Debug, thiserror::Error)]
#[error("not an address of Redis: {0}")]
pub struct BadAddress(String);

/// The bus.
pub struct RedisBus {
    publisher: Client,
    subscriber: SubscriberClient,
}

/// The records.
pub struct RedisRecords {
    client: Client,
    breaker: Breaker,
    _connection: Connection,
}

/// A connection that ends when it is dropped.
struct Connection(ConnectHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The bus and the records of an address: `redis://`, `rediss://`, `redis-sentinel://`, `redis-cluster://` and their TLS
/// twins. Nothing waits for Redis.
///
/// # Errors
/// If the address cannot be understood.
pub fn open(url: &str) -> Result<(RedisBus, RedisRecords), BadAddress> {
    // The driver's own words may repeat the password.
    let bad = |error: fred::error::Error| BadAddress(format!("{:?}", error.kind()));
    let mut config = Config::from_url(url).map_err(bad)?;
    config.fail_fast = false;
    let mut builder = Builder::from_config(config);
    builder
        .set_policy(ReconnectPolicy::new_exponential(0, PAUSE_MIN_MS, PAUSE_MAX_MS, 2))
        .with_performance_config(|performance| {
            performance.default_command_timeout = ANSWER;
            performance.broadcast_channel_capacity = MESSAGES_MAX;
        })
        .with_connection_config(|connection| {
            connection.connection_timeout = ANSWER;
            connection.internal_command_timeout = ANSWER;
            connection.max_command_buffer_len = COMMANDS_MAX;
            connection.max_command_attempts = 1;
            connection.reconnect_on_auth_error = true;
            // What does not answer for this long is cut, and connected anew.
            connection.unresponsive.max_timeout = Some(3 * ANSWER);
            connection.unresponsive.interval = ANSWER;
            connection.tcp.nodelay = Some(true);
        });
    let publisher = builder.build().map_err(bad)?;
    let subscriber = builder.build_subscriber_client().map_err(bad)?;
    let client = builder.build().map_err(bad)?;
    let connection = Connection(client.connect());
    Ok((
        RedisBus { publisher, subscriber },
        RedisRecords { client, breaker: Breaker::new(Dependency::Relay), _connection: connection },
    ))
}

#[async_trait]
impl Bus for RedisBus {
    fn payload_max(&self) -> usize {
        PAYLOAD_MAX
    }

    fn is_broadcast(&self) -> bool {
        false
    }

    async fn run(self: Box<Self>, line: Line) {
        let Line { wants, outgoing, heard, stop: _ } = line;
        // Before it connects, so that the first connection is heard of.
        let connected = self.subscriber.reconnect_rx();
        let _connections = [Connection(self.publisher.connect()), Connection(self.subscriber.connect())];
        tokio::join!(
            publish(&self.publisher, outgoing),
            listen(&self.subscriber, heard.clone()),
            subscribe(&self.subscriber, connected, &wants, heard),
        );
    }
}

/// Sends what waits, together; what finds no Redis is dropped.
async fn publish(client: &Client, mut outgoing: mpsc::Receiver<Parcel>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while outgoing.recv_many(&mut batch, BATCH_MAX).await > 0 {
        if client.state() != ClientState::Connected {
            batch.clear();
            continue;
        }
        let pipeline = client.pipeline();
        for Parcel { place, payload } in batch.drain(..) {
            // Only queued here; the answers come to all of them.
            let _: Result<(), _> = pipeline.publish(place.name(), Value::Bytes(payload)).await;
        }
        let answered = timeout(ANSWER, pipeline.all::<Value>()).await;
        if let Ok(Err(error)) = answered {
            tracing::debug!(%error, "Redis does not publish");
        }
    }
}

/// Hands on what comes.
async fn listen(client: &SubscriberClient, heard: mpsc::Sender<Heard>) {
    let (mut messages, mut errors) = (client.message_rx(), client.error_rx());
    let mut lost = false;
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Ok(message) => {
                    let Some(place) = Place::parse(&message.channel) else { continue };
                    let payload = message.value.as_bytes().map(Bytes::copy_from_slice).unwrap_or_default();
                    lost |= heard.try_send(Heard::Parcel(Parcel { place, payload })).is_err();
                }
                Err(RecvError::Lagged(_)) => lost = true,
                Err(RecvError::Closed) => return,
            },
            error = errors.recv() => match error {
                Ok((error, _)) => {
                    tracing::debug!(%error, "the connection to Redis failed");
                    lost = true;
                }
                Err(RecvError::Lagged(_)) => lost = true,
                Err(RecvError::Closed) => return,
            },
        }
        if lost {
            lost = heard.try_send(Heard::Lost).is_err();
        }
    }
}

/// Subscribes to what is wanted, and to all of it again whenever there is a new connection.
async fn subscribe(
    client: &SubscriberClient,
    mut connected: tokio::sync::broadcast::Receiver<fred::types::config::Server>,
    wants: &Wants,
    heard: mpsc::Sender<Heard>,
) {
    let (mut anew, mut failed) = (true, false);
    loop {
        tokio::select! {
            event = connected.recv() => match event {
                Ok(_) | Err(RecvError::Lagged(_)) => anew = true,
                Err(RecvError::Closed) => return,
            },
            () = wants.changed() => {}
            () = sleep(RETRY_AFTER), if failed => {}
        }
        if client.state() != ClientState::Connected {
            (anew, failed) = (true, true);
            continue;
        }
        let changes = match anew {
            true => Changes { added: wants.all(), removed: Vec::new() },
            false => wants.take(),
        };
        failed = apply(client, changes, &heard).await.is_err();
        anew = failed;
    }
}

async fn apply(client: &SubscriberClient, changes: Changes, heard: &mpsc::Sender<Heard>) -> Result<(), ()> {
    let names = |places: &[Place]| places.iter().map(|place| place.name()).collect::<Vec<_>>();
    for chunk in changes.removed.chunks(PLACES_MAX) {
        let done = timeout(ANSWER, client.unsubscribe(names(chunk))).await;
        done.map_err(drop)?.map_err(drop)?;
    }
    for chunk in changes.added.chunks(PLACES_MAX) {
        let done = timeout(ANSWER, client.subscribe(names(chunk))).await;
        done.map_err(drop)?.map_err(drop)?;
        heard.send(Heard::Subscribed(chunk.to_vec())).await.map_err(drop)?;
    }
    Ok(())
}

fn life_key(node: NodeId) -> String {
    format!("gh:live:{node:016x}")
}

fn user_key(user: UserId) -> String {
    format!("gh:records:user:{user}")
}

fn guild_key(guild: GuildId) -> String {
    format!("gh:records:guild:{guild}")
}

fn field(record: &Record) -> String {
    format!("{:016x}:{}", record.node, record.user)
}

impl RedisRecords {
    /// Asks Redis, unless it is known not to answer: nobody who looks at a list of members waits for it in vain.
    async fn guarded<T>(&self, asked: impl Future<Output = FredResult<T>>) -> ReadResult<T> {
        self.breaker.admit()?;
        let began = Instant::now();
        let answer = asked.await;
        let verdict = match answer.as_ref().err().map(fred::error::Error::kind) {
            None => Verdict::Answered,
            Some(ErrorKind::Timeout) => Verdict::TimedOut,
            Some(_) => Verdict::Failed,
        };
        self.breaker.note(began, verdict);
        Ok(answer?)
    }

    /// The rate limits, over the same connection.
    pub fn ledger(&self) -> RedisLedger {
        RedisLedger::new(self.client.clone())
    }

    /// The records of a hash, without those of dead nodes, which are taken out of it.
    async fn living(&self, key: String) -> FredResult<Vec<Record>> {
        let all: HashMap<String, Bytes> = self.client.hgetall(&key).await?;
        let (mut nodes, mut living, mut dead) = (HashMap::new(), Vec::new(), Vec::new());
        for (name, bytes) in all {
            let record = wire::decode_record(&bytes).filter(|record| field(record) == name);
            let Some(record) = record else {
                dead.push(name);
                continue;
            };
            let lives = match nodes.get(&record.node) {
                Some(lives) => *lives,
                None => {
                    let lives = self.client.exists::<u64, _>(life_key(record.node)).await? > 0;
                    nodes.insert(record.node, lives);
                    lives
                }
            };
            if lives { living.push(record) } else { dead.push(name) }
        }
        if !dead.is_empty() {
            let _: () = self.client.hdel(&key, dead).await?;
        }
        Ok(living)
    }
}

/// What is asked of Redis.
impl RedisRecords {
    async fn ask_beat(&self, node: NodeId) -> FredResult<bool> {
        let life = i64::try_from(NODE_LIFE.as_millis()).unwrap_or(i64::MAX);
        let key = life_key(node);
        let set = self.client.set(&key, 1, Some(Expiration::PX(life)), Some(SetOptions::XX), false);
        let known: Option<String> = set.await?;
        if known.is_none() {
            let _: () = self.client.set(&key, 1, Some(Expiration::PX(life)), None, false).await?;
        }
        Ok(known.is_some())
    }

    async fn ask_write(&self, changes: &[Change]) -> FredResult<()> {
        let pipeline = self.client.pipeline();
        for Change { record, left } in changes {
            let (name, bytes) = (field(record), Bytes::from(wire::encode_record(record)));
            let here = record.guilds.iter().map(|guild| guild_key(*guild)).chain([user_key(record.user)]);
            for key in here {
                if record.shown.is_some() {
                    let value = Value::Bytes(bytes.clone());
                    let _: () = pipeline.hset(&key, (name.as_str(), value)).await?;
                    let _: () = pipeline.expire(&key, RECORDS_LIFE_S, None).await?;
                } else {
                    let _: () = pipeline.hdel(&key, name.as_str()).await?;
                }
            }
            for guild in left {
                let _: () = pipeline.hdel(guild_key(*guild), name.as_str()).await?;
            }
        }
        let _: Value = pipeline.all().await?;
        Ok(())
    }

    async fn ask_leave(&self, node: NodeId) -> FredResult<()> {
        let _: () = self.client.del(life_key(node)).await?;
        Ok(())
    }
}

#[async_trait]
impl Records for RedisRecords {
    async fn beat(&self, node: NodeId) -> ReadResult<bool> {
        self.guarded(self.ask_beat(node)).await
    }

    async fn write(&self, changes: &[Change]) -> ReadResult<()> {
        self.guarded(self.ask_write(changes)).await
    }

    async fn in_guild(&self, guild: GuildId) -> ReadResult<Vec<Record>> {
        self.guarded(self.living(guild_key(guild))).await
    }

    async fn of_user(&self, user: UserId) -> ReadResult<Vec<Record>> {
        self.guarded(self.living(user_key(user))).await
    }

    async fn leave(&self, node: NodeId) -> ReadResult<()> {
        self.guarded(self.ask_leave(node)).await
    }
}
