//! How a session begins: Hello, then Identify or Resume, then Ready, and for Resume what was missed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use guildhall_proto::{
    Validate, Violations,
    ids::{ChannelId, StreamKey},
    v1::{self, GoodbyeReason, PresenceStatus, ResyncReason, server_frame::Payload},
};

use super::{
    FRAME_BYTES_MAX, SENDS_IN_FLIGHT_MAX, SessionConfig,
    actor::{Actor, Flow},
    frame,
    goodbye::Goodbye,
    pull::Resuming,
    subscribe::{Accepted, Heads, Wanted},
};
use crate::{
    chat::{Beginning, Error, GuildHandle, Picture, Result},
    fanout::Topic,
    store::Position,
};

/// When a client whose session could not begin comes back.
const STORAGE_RETRY: Duration = Duration::from_secs(1);

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
            Err(error @ Error::Limit { .. }) => {
                self.tell(request_id, Err(error));
                Flow::Break(Goodbye::stop(GoodbyeReason::ProtocolError))
            }
            Err(error) => {
                let wait = match error {
                    Error::RateLimited { retry_after, .. } => retry_after,
                    _ => STORAGE_RETRY,
                };
                self.tell(request_id, Err(error));
                Flow::Break(Goodbye::after(GoodbyeReason::Unavailable, wait))
            }
        }
    }

    async fn start(&mut self, request_id: u64, start: Start) -> Result<()> {
        self.shared.chat.count_session(&self.caller).await?;
        // First listen, then look: what is published from here on is counted.
        let own = StreamKey::user(self.caller.user);
        self.outbox.hold(own, None);
        self.listen(Topic::Stream(own));
        let Beginning { me, position: user, guilds } = self.shared.chat.begin(&self.caller).await?;
        self.hide().await?;
        self.custom_status.clone_from(&me.custom_status);
        self.profile_status.clone_from(&me.custom_status);
        guilds.into_iter().for_each(|guild| self.join(guild));
        // One look at each guild: what comes after it is counted, and shown.
        let pictures: Vec<Picture> = self.guilds.values().map(|guild| guild.picture(self.caller.user)).collect();
        let resumed = start.cursors.is_some();
        let cursors = start.cursors.unwrap_or_default();
        let (first, heads) = self.hold_first(&cursors, &start.subscriptions, resumed, &pictures).await?;
        self.status = Some(start.status);
        self.done(request_id);
        self.resuming = resumed.then(Resuming::default);
        self.outbox.push(frame::encode(Payload::Ready(ready(me, cursor(own, user), &pictures, &heads))));
        self.start_own(&cursors, user, &pictures);
        self.start_channels(first, &heads);
        self.watch_presences(&start.subscriptions, &mut v1::SubscriptionsUpdated::default()).await;
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

    /// The user's stream and the guilds' streams: from their cursors where there are any, else from now on.
    fn start_own(&mut self, cursors: &[v1::Cursor], user: Position, pictures: &[Picture]) {
        let streams = cursors.iter().filter_map(|cursor| Some((StreamKey::try_from(cursor.stream?).ok()?, *cursor)));
        let mut known: HashMap<StreamKey, v1::Cursor> = streams.filter(|(stream, _)| !stream.is_channel()).collect();
        let own = StreamKey::user(self.caller.user);
        self.start_stream(own, user, known.remove(&own).as_ref());
        for picture in pictures {
            let stream = StreamKey::guild(picture.id);
            self.start_stream(stream, picture.position, known.remove(&stream).as_ref());
        }
        known.into_keys().for_each(|stream| self.resync(stream, ResyncReason::AccessLost, None));
    }

    /// Holds the channels that are watched from the beginning, and looks how far all are. Nothing is started yet.
    async fn hold_first(
        &mut self,
        cursors: &[v1::Cursor],
        subscriptions: &v1::UpdateSubscriptions,
        resumed: bool,
        pictures: &[Picture],
    ) -> Result<(First, Heads)> {
        let mut wanted = Wanted::of_cursors(cursors);
        wanted.add(&subscriptions.add_channels);
        let mut outcome = v1::SubscriptionsUpdated::default();
        self.watch_guilds(&subscriptions.add_guilds, &mut wanted, resumed, &mut outcome);
        let shown: Vec<ChannelId> = pictures.iter().flat_map(|picture| picture.channels.iter().copied()).collect();
        let (accepted, heads) = self.hold_channels(wanted, &shown, &mut outcome).await?;
        Ok((First { accepted, refused: outcome.refused_channels }, heads))
    }

    fn start_channels(&mut self, first: First, heads: &Heads) {
        for channel in first.refused {
            self.resync(StreamKey::channel(ChannelId::from(channel)), ResyncReason::AccessLost, None);
        }
        for (stream, position, from) in first.accepted {
            // Without a cursor of its own a channel begins where Ready says that it is, not where it has come since. One
            // that Ready does not know is newer.
            let head = heads.get(&ChannelId::from(stream.id)).copied().unwrap_or(Position { epoch: 0, seq: 0 });
            self.start_stream(stream, position, Some(&from.unwrap_or_else(|| cursor(stream, head))));
        }
    }
}

/// Channels that a session watches from its beginning, held.
struct First {
    accepted: Vec<Accepted>,
    refused: Vec<u64>,
}

fn ready(me: v1::User, user_cursor: v1::Cursor, pictures: &[Picture], heads: &Heads) -> v1::Ready {
    let mut pictures: Vec<&Picture> = pictures.iter().collect();
    pictures.sort_unstable_by_key(|picture| picture.id);
    let channel = |channel: &ChannelId| {
        let cursor = Some(cursor(StreamKey::channel(*channel), *heads.get(channel)?));
        Some(v1::ChannelState { channel_id: u64::from(*channel), cursor })
    };
    let guilds = pictures.into_iter().map(|picture| v1::GuildState {
        guild: Some(picture.guild.clone()),
        cursor: Some(cursor(StreamKey::guild(picture.id), picture.position)),
        channels: picture.channels.iter().filter_map(channel).collect(),
    });
    v1::Ready { me: Some(me), guilds: guilds.collect(), user_cursor: Some(user_cursor) }
}

/// A cursor as clients hold it.
pub(super) fn cursor(stream: StreamKey, position: Position) -> v1::Cursor {
    v1::Cursor { stream: Some(stream.into()), epoch: position.epoch, seq: position.seq }
}
