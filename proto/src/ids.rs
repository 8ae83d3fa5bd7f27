//! Typed ids: a channel's id cannot be taken for a message's. On the wire all of them are plain 64-bit numbers.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use crate::v1;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// The number on the wire.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<u64> for $name {
            fn from(id: u64) -> Self {
                Self(id)
            }
        }

        impl From<$name> for u64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id!(
    /// A person or a bot.
    UserId
);
id!(
    /// A guild.
    GuildId
);
id!(
    /// A channel.
    ChannelId
);
id!(
    /// A message within its channel: the seq of its create event. Alone it names nothing.
    MessageId
);
id!(
    /// A role of a guild; everyone's role has the guild's own id.
    RoleId
);
id!(
    /// A login session: a token on a device.
    LoginSessionId
);

/// What a stream belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamKind {
    /// A channel: its messages and what happens to them.
    Channel,
    /// A guild: its channels, members and settings.
    Guild,
    /// A user: what happens to this one alone.
    User,
}

impl StreamKind {
    /// As text: `channel`, `guild` or `user`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Guild => "guild",
            Self::User => "user",
        }
    }
}

impl From<StreamKind> for v1::StreamKind {
    fn from(kind: StreamKind) -> Self {
        match kind {
            StreamKind::Channel => Self::Channel,
            StreamKind::Guild => Self::Guild,
            StreamKind::User => Self::User,
        }
    }
}

/// Names one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    /// What the stream belongs to.
    pub kind: StreamKind,
    /// The id of that channel, guild or user.
    pub id: u64,
}

impl StreamKey {
    /// The stream of a channel.
    #[must_use]
    pub const fn channel(id: ChannelId) -> Self {
        let kind = StreamKind::Channel;
        Self { kind, id: id.0 }
    }

    /// Whether this is a channel's stream.
    #[must_use]
    pub const fn is_channel(self) -> bool {
        matches!(self.kind, StreamKind::Channel)
    }

    /// The stream of a guild.
    #[must_use]
    pub const fn guild(id: GuildId) -> Self {
        let kind = StreamKind::Guild;
        Self { kind, id: id.0 }
    }

    /// The stream of a user.
    #[must_use]
    pub const fn user(id: UserId) -> Self {
        let kind = StreamKind::User;
        Self { kind, id: id.0 }
    }
}

impl From<ChannelId> for StreamKey {
    fn from(id: ChannelId) -> Self {
        Self::channel(id)
    }
}

impl From<GuildId> for StreamKey {
    fn from(id: GuildId) -> Self {
        Self::guild(id)
    }
}

impl From<UserId> for StreamKey {
    fn from(id: UserId) -> Self {
        Self::user(id)
    }
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.id)
    }
}

/// A stream of a kind that this version does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownStream(pub i32);

impl fmt::Display for UnknownStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown kind of stream: {}", self.0)
    }
}

impl std::error::Error for UnknownStream {}

impl TryFrom<v1::Stream> for StreamKey {
    type Error = UnknownStream;

    fn try_from(stream: v1::Stream) -> Result<Self, Self::Error> {
        let kind = match v1::StreamKind::try_from(stream.kind) {
            Ok(v1::StreamKind::Channel) => StreamKind::Channel,
            Ok(v1::StreamKind::Guild) => StreamKind::Guild,
            Ok(v1::StreamKind::User) => StreamKind::User,
            Ok(v1::StreamKind::Unspecified) | Err(_) => return Err(UnknownStream(stream.kind)),
        };
        let id = stream.id;
        Ok(Self { kind, id })
    }
}

impl From<StreamKey> for v1::Stream {
    fn from(key: StreamKey) -> Self {
        Self { kind: v1::StreamKind::from(key.kind).into(), id: key.id }
    }
}

/// Random bits of a new id.
const RANDOM_BITS: u32 = 22;
const RANDOM_MASK: u64 = (1 << RANDOM_BITS) - 1;

/// A new id out of the time and 22 random bits. Two that meet are told apart by the storage, which refuses the second.
#[must_use]
pub const fn new_id(unix_ms: u64, random: u32) -> u64 {
    (unix_ms << RANDOM_BITS) | (random as u64 & RANDOM_MASK)
}

/// When an id was made, in milliseconds since the Unix epoch.
#[must_use]
pub const fn id_time_ms(id: u64) -> u64 {
    id >> RANDOM_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_decimal_text() {
        let id: ChannelId = "18446744073709551615".parse().unwrap();
        assert_eq!(id, ChannelId(u64::MAX));
        assert_eq!(id.to_string(), "18446744073709551615");
        assert_eq!(u64::from(id), u64::MAX);
        assert!("-1".parse::<ChannelId>().is_err());
        assert!("0x1".parse::<ChannelId>().is_err());
    }

    #[test]
    fn streams_go_to_the_wire_and_back() {
        let keys = [StreamKey::channel(ChannelId(1)), StreamKey::guild(GuildId(2)), StreamKey::user(UserId(3))];
        for key in keys {
            assert_eq!(StreamKey::try_from(v1::Stream::from(key)), Ok(key));
        }
        assert_eq!(keys.map(|key| key.to_string()), ["channel:1", "guild:2", "user:3"]);
        let stream = v1::Stream { kind: 9, id: 1 };
        assert_eq!(StreamKey::try_from(stream), Err(UnknownStream(9)));
    }

    #[test]
    fn an_id_tells_its_time() {
        let now_ms = 1_800_000_000_123;
        let id = new_id(now_ms, u32::MAX);
        assert_eq!(id_time_ms(id), now_ms);
        assert_eq!(id & RANDOM_MASK, RANDOM_MASK);
        assert!(new_id(now_ms + 1, 0) > id);
    }
}
