//! How a session begins: Hello, then Identify or Resume, then Ready, and for Resume what was missed.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use guildhall_proto::{
    Validate, Violations,
    ids::{ChannelId, GuildId, StreamKey},
    v1::{self, GoodbyeReason, PresenceStatus, ResyncReason, server_frame::Payload},
};

use super::{
    FRAME_BYTES_MAX, SENDS_IN_FLIGHT_MAX, SessionConfig,
    actor::{Actor, Flow},
    frame,
    goodbye::Goodbye,
    pull::Resuming,
    subscribe::Wanted,
};
use crate::{
    chat::{Error, GuildHandle, Result},
    fanout::Topic,
    store::Position,
};

/// How a session wants to begin.
pub(super) enum Begin {
    Identify(v1::Identify),
    Resume(v1::Resume),
}

impl From<v1::Identify> for Begin {
    fn from(identify: v1::Identify) -> Self {
        Self::Identify(identify)
    }
}

impl From<v1::Resume> for Begin {
    fn from(resume: v1::Resume) -> Self {
        Self::Resume(resume)
    }
}

/// What both ways of beginning come down to.
struct Start {
    status: PresenceStatus,
    subscriptions: v1::UpdateSubscriptions,
    cursors: Option<Vec<v1::Cursor>>,
}

impl Begin {
    fn check(&self) -> std::result::Result<(), Violations> {
        match self {
            Self::Identify(identify) => identify.validate(),
            Self::Resume(resume) => resume.validate(),
        }
    }

    fn into_start(self) -> Start {
        let (status, subscriptions, cursors) = match self {
            Self::Identify(identify) => (identify.status(), identify.subscriptions, None),
            Self::Resume(resume) => (resume.status(), resume.subscriptions, Some(resume.cursors)),
        };
        let status = if status == PresenceStatus::Unspecified { PresenceStatus::Online } else { status };
        Start { status, subscriptions: subscriptions.unwrap_or_default(), cursors }
    }
}

/// The first frame of a session.
pub(super) fn hello(session_id: &str, config: &SessionConfig) -> Bytes {
    frame::encode(Payload::Hello(v1::Hello {
        session_id: session_id.to_owned(),
        heartbeat_interval: prost_types::Duration::try_from(config.heartbeat).ok(),
        identify_timeout: prost_types::Duration::try_from(config.identify_timeout).ok(),
        max_frame_bytes: u32::try_from(FRAME_BYTES_MAX).unwrap_or(u32::MAX),
        max_sends_in_flight: u32::try_from(SENDS_IN_FLIGHT_MAX).unwrap_or(u32::MAX),
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
    }))
}

impl Actor {
    pub(super) async fn begin(&mut self, request_id: u64, begin: Begin) -> Flow {
        if self.identified() {
            self.tell(request_id, Err(Error::AlreadyIdentified));
            return Flow::Break(Goodbye::new(GoodbyeReason::AlreadyIdentified));
        }
        if let Err(violations) = begin.check() {
            self.tell(request_id, Err(Error::from(violations)));
            // Without a request id nobody would learn that the session never began.
            return if request_id == 0 {
                Flow::Break(Goodbye::new(GoodbyeReason::ProtocolError))
            } else {
                Flow::Continue(())
            };
        }
        // The token may have ended after the call came in and before the session could be told.
        self.revalidate().await?;
        match self.start(request_id, begin.into_start()).await {
            Ok(()) => Flow::Continue(()),
            Err(error) => {
                self.tell(request_id, Err(error));
                Flow::Break(Goodbye::new(GoodbyeReason::Unavailable))
            }
        }
    }

    async fn start(&mut self, request_id: u64, start: Start) -> Result<()> {
        let me = self.shared.chat.me(&self.caller).await?;
        self.custom_status.clone_from(&me.custom_status);
        // First listen, then look: what is published from here on is counted.
        let own = StreamKey::user(self.caller.user);
        self.outbox.hold(own, None);
        self.listen(Topic::Stream(own));
        for guild in self.shared.chat.guilds_of(self.caller.user).await? {
            self.join(guild);
        }
        let heads = self.heads().await?;
        let user = self.shared.chat.position(own).await?.unwrap_or(Position { epoch: 0, seq: 0 });
        self.status = Some(start.status);
        self.done(request_id);
        let resumed = start.cursors.is_some();
        self.outbox.push(frame::encode(Payload::Ready(self.ready(me, user, &heads))));
        self.resuming = resumed.then(Resuming::default);
        let cursors = start.cursors.unwrap_or_default();
        self.start_own(&cursors, own, user);
        self.start_channels(&cursors, start.subscriptions, resumed, &heads).await?;
        self.show_presence();
        self.tell_resumed();
        Ok(())
    }

    /// Begins to hear a guild's stream, which is held until it is known where it starts.
    pub(super) fn join(&mut self, guild: Arc<GuildHandle>) {
        let stream = StreamKey::guild(guild.id());
        self.outbox.hold(stream, Some(Arc::clone(&guild)));
        self.listen(Topic::Stream(stream));
        self.listen(Topic::Activity(guild.id()));
        self.guilds.insert(guild.id(), guild);
    }

    async fn heads(&mut self) -> Result<HashMap<ChannelId, Position>> {
        let user = self.caller.user;
        let channels: Vec<ChannelId> = self.guilds.values().flat_map(|guild| guild.readable_channels(user)).collect();
        let positions = self.shared.chat.positions(&channels).await?;
        Ok(channels.into_iter().zip(positions).filter_map(|(channel, at)| Some((channel, at?))).collect())
    }

    fn ready(&self, me: v1::User, user: Position, heads: &HashMap<ChannelId, Position>) -> v1::Ready {
        let own = StreamKey::user(self.caller.user);
        let mut guilds: Vec<&Arc<GuildHandle>> = self.guilds.values().collect();
        guilds.sort_unstable_by_key(|guild| guild.id());
        let guilds = guilds.into_iter().map(|guild| v1::GuildState {
            guild: Some(guild.guild_message()),
            cursor: Some(cursor(StreamKey::guild(guild.id()), guild.position())),
            channels: self.channel_states(guild, heads),
        });
        v1::Ready { me: Some(me), guilds: guilds.collect(), user_cursor: Some(cursor(own, user)) }
    }

    fn channel_states(&self, guild: &GuildHandle, heads: &HashMap<ChannelId, Position>) -> Vec<v1::ChannelState> {
        let channels = guild.readable_channels(self.caller.user).into_iter();
        channels
            .filter_map(|channel| {
                let position = *heads.get(&channel)?;
                let cursor = Some(cursor(StreamKey::channel(channel), position));
                Some(v1::ChannelState { channel_id: channel.into(), cursor })
            })
            .collect()
    }

    /// The user's stream and the guilds' streams: from their cursors where there are any, else from now on.
    fn start_own(&mut self, cursors: &[v1::Cursor], own: StreamKey, user: Position) {
        let mut known: HashMap<StreamKey, v1::Cursor> = HashMap::new();
        for cursor in cursors {
            let Some(stream) = cursor.stream.and_then(|stream| StreamKey::try_from(stream).ok()) else {
                continue;
            };
            known.insert(stream, *cursor);
        }
        self.start_stream(own, user, known.remove(&own).as_ref());
        let guilds: Vec<(GuildId, Position)> = self.guilds.iter().map(|(id, guild)| (*id, guild.position())).collect();
        for (guild, position) in guilds {
            let stream = StreamKey::guild(guild);
            self.start_stream(stream, position, known.remove(&stream).as_ref());
        }
        let foreign = known.into_keys().filter(|stream| !stream.is_channel());
        foreign.for_each(|stream| self.resync(stream, ResyncReason::AccessLost, None));
    }

    async fn start_channels(
        &mut self,
        cursors: &[v1::Cursor],
        subscriptions: v1::UpdateSubscriptions,
        resumed: bool,
        heads: &HashMap<ChannelId, Position>,
    ) -> Result<()> {
        let mut wanted = Wanted::of_cursors(cursors);
        wanted.add(&subscriptions.add_channels);
        let mut outcome = v1::SubscriptionsUpdated::default();
        self.watch_guilds(&subscriptions.add_guilds, &mut wanted, resumed, &mut outcome).await?;
        let accepted = self.hold_channels(wanted, &mut outcome).await?;
        let refused = std::mem::take(&mut outcome.refused_channels);
        for channel in refused {
            self.resync(StreamKey::channel(ChannelId::from(channel)), ResyncReason::AccessLost, None);
        }
        for (stream, position, from) in accepted {
            // Without a cursor of its own a channel begins where Ready says that it is, not where it has come since.
            let told = heads.get(&ChannelId::from(stream.id)).map(|head| cursor(stream, *head));
            self.start_stream(stream, position, from.or(told).as_ref());
        }
        self.watch_presences(&subscriptions, &mut outcome).await
    }
}

/// A cursor as clients hold it.
pub(super) fn cursor(stream: StreamKey, position: Position) -> v1::Cursor {
    v1::Cursor { stream: Some(stream.into()), epoch: position.epoch, seq: position.seq }
}
