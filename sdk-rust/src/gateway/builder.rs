//! How a gateway is made.

use std::path::PathBuf;
use std::sync::Arc;

use guildhall_proto::Validate;
use guildhall_proto::ids::{ChannelId, GuildId, StreamKind, UserId};
use guildhall_proto::v1::{self, PresenceStatus};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;

use crate::client::Client;
use crate::cursor::{Cursor, CursorStore, MemoryCursors};
use crate::error::{Error, Result};
use crate::gateway::actor::{self, Setup};
use crate::gateway::events::Events;
use crate::gateway::handle::Gateway;
use crate::gateway::interest::Interest;
use crate::gateway::offline::OfflineFile;
use crate::gateway::queue::SendQueue;
use crate::gateway::shared::{COMMANDS_MAX, Shared};

/// Sends that may be unsettled, unless told otherwise.
const OFFLINE_MAX: usize = 1_000;
/// Events that may wait for the program, unless told otherwise.
const EVENTS_MAX: usize = 1_024;

/// Makes a [`Gateway`] and its [`Events`].
#[must_use = "a gateway is made by `connect`"]
pub struct GatewayBuilder {
    client: Client,
    interest: Interest,
    from: Vec<Cursor>,
    store: Arc<dyn CursorStore>,
    offline_file: Option<PathBuf>,
    offline_max: usize,
    events_max: usize,
}

impl Client {
    /// Begins to make a live session.
    pub fn gateway(&self) -> GatewayBuilder {
        GatewayBuilder {
            client: self.clone(),
            interest: Interest::default(),
            from: Vec::new(),
            store: Arc::new(MemoryCursors::default()),
            offline_file: None,
            offline_max: OFFLINE_MAX,
            events_max: EVENTS_MAX,
        }
    }

    /// Everything that happens in the caller's guilds, from now on. The gateway is [within](Events::gateway).
    ///
    /// # Errors
    ///
    /// As [`GatewayBuilder::connect`].
    pub async fn events(&self) -> Result<Events> {
        let (_, events) = self.gateway().subscribe_all().connect().await?;
        Ok(events)
    }
}

impl GatewayBuilder {
    /// Watch a channel, from now on or from where the cursor store has it.
    pub fn subscribe(mut self, channel: ChannelId) -> Self {
        self.interest.channels.insert(channel);
        self
    }

    /// Watch a channel from a position on, unless the cursor store knows a position of it.
    pub fn subscribe_from(mut self, cursor: Cursor) -> Self {
        self.from.push(cursor);
        self.subscribe(ChannelId(cursor.stream.id))
    }

    /// Watch every channel of a guild, new ones included.
    pub fn subscribe_guild(mut self, guild: GuildId) -> Self {
        self.interest.guilds.insert(guild);
        self
    }

    /// Watch every channel of every guild of the caller, those joined later included.
    pub fn subscribe_all(mut self) -> Self {
        self.interest.all_guilds = true;
        self
    }

    /// How the user is to be shown; online unless set.
    pub fn presence(mut self, status: PresenceStatus) -> Self {
        self.interest.status = status;
        self
    }

    /// Watch the presence of a guild's members.
    pub fn watch_presence_guild(mut self, guild: GuildId) -> Self {
        self.interest.presence_guilds.insert(guild);
        self
    }

    /// Watch the presence of a user.
    pub fn watch_presence_user(mut self, user: UserId) -> Self {
        self.interest.presence_users.insert(user);
        self
    }

    /// Where to keep positions, so that the program goes on where it was; in memory unless set.
    pub fn cursors(mut self, store: impl CursorStore) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// A file for sends that are not settled, so that they survive the process. Each send waits for the disk then.
    pub fn offline_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.offline_file = Some(path.into());
        self
    }

    /// How many sends may be unsettled, 1,000 unless set. Beyond that a send ends as
    /// [`QueueFull`](crate::Kind::QueueFull).
    pub fn offline_max(mut self, sends: usize) -> Self {
        self.offline_max = sends.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// How many events may wait for the program, 1,024 unless set. Beyond that the gateway stops reading.
    pub fn events_max(mut self, events: usize) -> Self {
        self.events_max = events.max(1);
        self
    }

    /// Shows a [`Gap`](crate::Gap) instead of the events that a stream is behind, if they are more than this: for
    /// programs that show the newest page anyway. Unless set, whatever was missed is read from the server's log.
    pub fn gaps_beyond(mut self, events: u64) -> Self {
        self.interest.behind_max = Some(events);
        self
    }

    /// Opens the files and starts to connect. Does not wait for the server: a program may start before it, and what
    /// is sent meanwhile is kept. [`Gateway::ready`] waits.
    ///
    /// # Errors
    ///
    /// [`Storage`](crate::Kind::Storage) if the cursors or the offline file cannot be read,
    /// [`Validation`](crate::Kind::Validation) for presence `Offline`, [`Config`](crate::Kind::Config) for a cursor of
    /// something else than a channel.
    pub async fn connect(self) -> Result<(Gateway, Events)> {
        self.check()?;
        let cursors = self.load().await?;
        let file = match self.offline_file.clone() {
            Some(path) => Some(blocking(move || OfflineFile::open(&path)).await?),
            None => None,
        };
        let shared = Arc::new(self.share(file.as_ref()));
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (feed, queue) = mpsc::channel(self.events_max);
        let gateway = Gateway::new(self.client.clone(), Arc::clone(&shared), commands);
        let events = Events::new(queue, gateway.clone(), Arc::clone(&self.store));
        actor::start(Setup {
            client: self.client,
            shared,
            commands: inbox,
            feed,
            interest: self.interest,
            cursors,
            store: self.store,
            file,
        });
        Ok((gateway, events))
    }

    fn check(&self) -> Result<()> {
        let identify = v1::Identify { status: self.interest.status.into(), subscriptions: None };
        identify.validate()?;
        let foreign = self.from.iter().find(|from| from.stream.kind != StreamKind::Channel);
        match foreign {
            Some(cursor) => Err(Error::config(format!("{cursor} is not a channel's cursor"))),
            None => Ok(()),
        }
    }

    /// Positions to begin at; those of the store first, because they are further.
    async fn load(&self) -> Result<Vec<Cursor>> {
        let store = Arc::clone(&self.store);
        let load = move || store.load().map_err(|error| Error::storage("the cursors", error));
        let mut cursors = blocking(load).await?;
        cursors.extend(&self.from);
        Ok(cursors)
    }

    fn share(&self, file: Option<&OfflineFile>) -> Shared {
        let slots = Arc::new(Semaphore::new(self.offline_max));
        let mut queue = SendQueue::new(file.is_some());
        for send in file.into_iter().flat_map(OfflineFile::unsettled) {
            // What is in the file is sent even if it is more than the queue holds.
            queue.restore(send.clone(), Arc::clone(&slots).try_acquire_owned().ok());
        }
        Shared::new(queue, slots, self.offline_max)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::closed(error.to_string(), false)))
}
