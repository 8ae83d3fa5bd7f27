//! What the actor keeps from one connection to the next, and the time between them.

use std::collections::HashMap;
use std::sync::Arc;

use guildhall_proto::ids::{ChannelId, GuildId};
use guildhall_proto::v1;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::Setup;
use super::end::{End, Next};
use super::link::{self, Link};
use super::session::Session;
use crate::backoff::Backoff;
use crate::client::Client;
use crate::cursor::CursorStore;
use crate::error::{Error, Result};
use crate::gateway::events::Feed;
use crate::gateway::interest::Interest;
use crate::gateway::positions::Positions;
use crate::gateway::queue::SendQueue;
use crate::gateway::shared::{Command, Shared};
use crate::gateway::state::{CloseReason, ConnectionState};
use crate::gateway::subscribe::Subscribed;
use crate::model::Timestamp;

/// Updates that wait for a connection. When they are more, new ones are refused.
const UPDATES_MAX: usize = 256;

/// An update that somebody waits for.
pub(super) type Update = (v1::UpdateSubscriptions, oneshot::Sender<Result<Subscribed>>);

/// What outlives a connection.
pub(super) struct Core {
    pub(super) client: Client,
    pub(super) shared: Arc<Shared>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) feed: Feed,
    pub(super) interest: Interest,
    pub(super) positions: Positions,
    pub(super) store: Arc<dyn CursorStore>,
    pub(super) guild_of: HashMap<ChannelId, GuildId>,
    /// When guilds were joined that were joined while we listened. Channels that are older begin now, not at their
    /// first message, although the guild's stream tells of their making.
    pub(super) joined_at: HashMap<GuildId, Timestamp>,
    pub(super) updates: Vec<Update>,
    pub(super) backoff: Backoff,
    /// Sends that were made as calls of their own.
    pub(super) directs: JoinSet<()>,
    /// Whether the server wants Identify although there are positions.
    pub(super) anew: bool,
    /// Whether there was a session before.
    been_ready: bool,
}

impl Core {
    pub(super) fn new(setup: Setup) -> Self {
        let mut positions = Positions::default();
        for cursor in setup.cursors {
            positions.load(cursor);
        }
        Self {
            client: setup.client,
            shared: setup.shared,
            commands: setup.commands,
            feed: Feed::new(setup.feed),
            interest: setup.interest,
            positions,
            store: setup.store,
            guild_of: HashMap::new(),
            joined_at: HashMap::new(),
            updates: Vec::new(),
            backoff: Backoff::default(),
            directs: JoinSet::new(),
            anew: false,
            been_ready: false,
        }
    }

    /// Session after session, until it is over.
    pub(super) async fn live(&mut self) -> CloseReason {
        loop {
            self.show_connecting();
            let end = match self.connect().await {
                Ok(link) => Session::new(self, link).run().await,
                Err(end) => end,
            };
            self.shared.take(SendQueue::disconnected);
            match &end.next {
                Next::Stop(reason) => return reason.clone(),
                next => self.anew = matches!(next, Next::Identify),
            }
            if let Some(reason) = self.pause(end).await {
                return reason;
            }
        }
    }

    fn show_connecting(&self) {
        self.shared.state.send_replace(if self.been_ready {
            ConnectionState::Resuming
        } else {
            ConnectionState::Connecting
        });
    }

    pub(super) fn show_ready(&mut self) {
        self.been_ready = true;
        self.backoff.connected();
        self.shared.state.send_if_modified(|state| {
            let changed = !state.is_ready();
            *state = ConnectionState::Ready;
            changed
        });
    }

    async fn connect(&mut self) -> Result<Link, End> {
        let client = self.client.clone();
        let opening = link::open(&client);
        tokio::pin!(opening);
        loop {
            tokio::select! {
                opened = &mut opening => return opened,
                command = self.commands.recv() => {
                    if let Some(reason) = self.without_session(command) {
                        return Err(End::stop(reason));
                    }
                }
            }
        }
    }

    /// Waits before the next try; answers if it is over meanwhile.
    async fn pause(&mut self, end: End) -> Option<CloseReason> {
        let wait = self.backoff.next(end.at_least);
        let until = Instant::now() + wait;
        tracing::debug!(?wait, cause = %end.cause, "gateway waits");
        self.shared.state.send_replace(ConnectionState::Waiting { until: until.into_std(), cause: end.cause });
        loop {
            tokio::select! {
                () = sleep_until(until) => return None,
                () = self.feed.drain(), if self.feed.is_blocked() => {}
                command = self.commands.recv() => {
                    let over = self.without_session(command);
                    if over.is_some() {
                        return over;
                    }
                }
            }
        }
    }

    /// Obeys a command while there is no session; answers if it ends the gateway.
    fn without_session(&mut self, command: Option<Command>) -> Option<CloseReason> {
        match command {
            Some(Command::Update(update, reply)) => self.put_off((update, reply)),
            Some(Command::Presence(presence, reply)) => {
                self.note_presence(&presence);
                // Whoever does not wait any more has given the answer up.
                let _ = reply.send(Ok(()));
            }
            // It would not be true any more.
            Some(Command::Typing(_)) => {}
            Some(Command::Close) => return Some(CloseReason::Requested),
            None => return Some(CloseReason::Dropped),
        }
        None
    }

    /// Keeps an update for the next session.
    pub(super) fn put_off(&mut self, update: Update) {
        self.updates.retain(|(_, reply)| !reply.is_closed());
        if self.updates.len() < UPDATES_MAX {
            self.updates.push(update);
        } else {
            // Whoever does not wait any more has given the answer up.
            let _ = update.1.send(Err(Error::queue_full(UPDATES_MAX)));
        }
    }

    pub(super) fn note_presence(&mut self, presence: &v1::UpdatePresence) {
        self.interest.status = presence.status();
        if presence.custom_status.is_some() {
            self.interest.custom_status.clone_from(&presence.custom_status);
        }
    }

    /// Whether a channel is watched because its guild is.
    pub(super) fn is_covered(&self, channel: ChannelId) -> bool {
        let guild = self.guild_of.get(&channel);
        guild.is_some_and(|guild| self.interest.covers(*guild))
    }
}
