//! A durable event: what happened, and where it stands.

use std::ops::Deref;

use guildhall_proto::ids::UserId;
use guildhall_proto::v1;

use crate::cursor::Cursor;
use crate::model::Timestamp;
use crate::nonce::Nonce;

/// A durable change. It reads like what it carries: `event.content` is the content of the message in it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Durable<T> {
    /// The position in its stream.
    pub cursor: Cursor,
    /// When it was stored.
    pub create_time: Timestamp,
    /// Who did it.
    pub actor_id: UserId,
    /// For a channel's event: the seq of the guild's stream under which it was allowed.
    pub guild_seq: u64,
    /// What happened.
    pub data: T,
}

impl<T> Durable<T> {
    /// The nonce of an answer to this event.
    #[must_use]
    pub fn reply_nonce(&self) -> Nonce {
        Nonce::derived(&self.cursor, 0)
    }

    /// The event without its place.
    pub fn into_inner(self) -> T {
        self.data
    }

    pub(super) fn to_wire(&self, payload: Option<v1::event::Payload>) -> v1::Event {
        v1::Event {
            stream: Some(self.cursor.stream.into()),
            seq: self.cursor.seq,
            epoch: self.cursor.epoch,
            create_time: Some(self.create_time.into()),
            actor_id: self.actor_id.0,
            guild_seq: self.guild_seq,
            payload,
        }
    }
}

impl<T> Deref for Durable<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}
