//! What events carry where the things themselves do not suffice.

use guildhall_proto::ids::{ChannelId, GuildId, MessageId, StreamKey, UserId};
use guildhall_proto::v1::{self, LeaveReason, ResyncReason};

use crate::api::Sent;
use crate::cursor::Cursor;
use crate::error::Error;
use crate::model::{Guild, User};

/// How things stand as a session begins.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ready {
    /// The id of the session in the server's log.
    pub session_id: String,
    /// The version of the server.
    pub server_version: String,
    /// The user.
    pub me: User,
    /// The user's guilds.
    pub guilds: Vec<GuildState>,
}

/// A guild as a session begins.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GuildState {
    /// The guild.
    pub guild: Guild,
    /// The channels that the user may see.
    pub channels: Vec<ChannelState>,
}

/// A channel as a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelState {
    /// The channel.
    pub channel_id: ChannelId,
    /// The last event of its stream.
    pub seq: u64,
}

impl Ready {
    pub(crate) fn new(hello: &v1::Hello, ready: v1::Ready) -> Self {
        Self {
            session_id: hello.session_id.clone(),
            server_version: hello.server_version.clone(),
            me: ready.me.unwrap_or_default().into(),
            guilds: ready.guilds.into_iter().map(GuildState::from).collect(),
        }
    }
}

impl From<v1::GuildState> for GuildState {
    fn from(state: v1::GuildState) -> Self {
        let channels = state.channels.into_iter().map(|channel| ChannelState {
            channel_id: ChannelId(channel.channel_id),
            seq: channel.cursor.map_or(0, |cursor| cursor.seq),
        });
        Self { guild: state.guild.unwrap_or_default().into(), channels: channels.collect() }
    }
}

/// Which message was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageDeleted {
    /// The channel.
    pub channel_id: ChannelId,
    /// The message.
    pub message_id: MessageId,
}

/// Who left a guild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberRemoved {
    /// The guild.
    pub guild_id: GuildId,
    /// Who.
    pub user_id: UserId,
    /// Why.
    pub reason: LeaveReason,
}

/// Which channel was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelDeleted {
    /// The guild.
    pub guild_id: GuildId,
    /// The channel.
    pub channel_id: ChannelId,
}

/// The new order of a guild's channels.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelsReordered {
    /// The guild.
    pub guild_id: GuildId,
    /// All its channels in their new order.
    pub channel_ids: Vec<ChannelId>,
}

/// An invite was made or revoked. Its code is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InviteChange {
    /// The guild.
    pub guild_id: GuildId,
    /// Who had made it.
    pub creator_id: UserId,
}

/// Which guild the caller is not in any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuildLeft {
    /// The guild.
    pub guild_id: GuildId,
    /// Why.
    pub reason: LeaveReason,
}

/// Who types where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Typing {
    /// The channel.
    pub channel_id: ChannelId,
    /// Who.
    pub user_id: UserId,
}

/// Channels of one guild that have moved on, at most once a second.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Activity {
    /// The guild.
    pub guild_id: GuildId,
    /// The channels and their last events.
    pub channels: Vec<ChannelState>,
}

impl From<v1::Activity> for Activity {
    fn from(activity: v1::Activity) -> Self {
        let channels = activity
            .channels
            .into_iter()
            .map(|channel| ChannelState { channel_id: ChannelId(channel.channel_id), seq: channel.seq });
        Self { guild_id: GuildId(activity.guild_id), channels: channels.collect() }
    }
}

/// A stream that cannot be continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Which.
    pub stream: StreamKey,
    /// Why.
    pub reason: ResyncReason,
    /// Where it goes on: events after this follow. `None` if it may not be read any more.
    pub cursor: Option<Cursor>,
}

impl Gap {
    pub(crate) fn new(stream: StreamKey, reason: ResyncReason, cursor: Option<Cursor>) -> Self {
        Self { stream, reason, cursor }
    }
}

/// What became of a send of an earlier process.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SendSettled {
    /// The channel.
    pub channel_id: ChannelId,
    /// The nonce that it was sent with.
    pub nonce: String,
    /// Acknowledged, or refused and why.
    pub outcome: Result<Sent, Error>,
}

impl SendSettled {
    pub(crate) fn new(request: &v1::SendMessageRequest, outcome: Result<Sent, Error>) -> Self {
        Self { channel_id: ChannelId(request.channel_id), nonce: request.nonce.clone(), outcome }
    }
}

/// Errors are not compared, only whether there was one.
impl PartialEq for SendSettled {
    fn eq(&self, other: &Self) -> bool {
        self.channel_id == other.channel_id
            && self.nonce == other.nonce
            && self.outcome.as_ref().ok() == other.outcome.as_ref().ok()
    }
}
