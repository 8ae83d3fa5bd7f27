//! Which rate limit holds for what. Limits are looked at after the form of a request and before anything is read for it.

use std::time::Duration;

use guildhall_proto::ids::ChannelId;
use uuid::Uuid;

use super::{Caller, Chat, error::Result};
use crate::limits::{self, Key, Limit, Peer};

impl Chat {
    /// The limits; for housekeeping.
    pub fn limits(&self) -> &limits::Limits {
        &self.limits
    }

    /// One more of what this limit counts, by the caller.
    pub(super) async fn count(&self, caller: &Caller, limit: Limit) -> Result<()> {
        Ok(self.limits.take(&[(limit, Key::User(caller.user))]).await?)
    }

    /// One more message. What is stored already is let through whatever the limit says, for the sequencer to answer: a
    /// refusal must not be said of a message that is there. So it is looked up only when the limit is reached.
    pub(super) async fn count_send(&self, caller: &Caller, channel: ChannelId, nonce: Uuid) -> Result<()> {
        let limit = if caller.bot { limits::BOT_SEND } else { limits::SEND };
        let Err(exceeded) = self.limits.take(&[(limit, Key::User(caller.user))]).await else { return Ok(()) };
        match self.store.log.sent(channel, caller.user, nonce).await? {
            Some(_) => Ok(()),
            None => Err(exceeded.into()),
        }
    }

    /// One more message in a channel where each waits this long for the next one; as `count_send`, which counted it too.
    pub(super) async fn count_in_slow_channel(
        &self,
        caller: &Caller,
        channel: ChannelId,
        interval: Duration,
        nonce: Uuid,
    ) -> Result<()> {
        let wanted = [(limits::slow_mode(interval), Key::Channel(channel, caller.user))];
        let Err(exceeded) = self.limits.take(&wanted).await else { return Ok(()) };
        match self.store.log.sent(channel, caller.user, nonce).await? {
            Some(_) => Ok(()),
            None => {
                let limit = if caller.bot { limits::BOT_SEND } else { limits::SEND };
                self.limits.give_back(&limit, &Key::User(caller.user));
                Err(exceeded.into())
            }
        }
    }

    /// One more edit or deletion.
    pub(super) async fn count_change(&self, caller: &Caller) -> Result<()> {
        self.count(caller, if caller.bot { limits::BOT_CHANGE } else { limits::CHANGE }).await
    }

    /// Whether others are to be told that the caller types. Nobody is refused for typing.
    pub async fn may_show_typing(&self, caller: &Caller) -> bool {
        self.count(caller, limits::TYPING).await.is_ok()
    }

    /// One more session, begun or resumed.
    pub async fn count_session(&self, caller: &Caller) -> Result<()> {
        let limit = if caller.bot { limits::BOT_IDENTIFY } else { limits::IDENTIFY };
        let of_peer = caller.peer.map(|peer| (limits::PEER_IDENTIFY, Key::Peer(peer)));
        let wanted: Vec<_> = [(limit, Key::User(caller.user))].into_iter().chain(of_peer).collect();
        Ok(self.limits.take(&wanted).await?)
    }

    /// One more account from there.
    pub(super) async fn count_registration(&self, from: Option<Peer>) -> Result<()> {
        let wanted: Vec<_> = from.map(|peer| (limits::PEER_REGISTER, Key::Peer(peer))).into_iter().collect();
        Ok(self.limits.take(&wanted).await?)
    }

    /// One more password for an account from there. It counts as wrong until `discount_password` says otherwise, or else those
    /// who guess many at a time would get more guesses.
    pub(super) async fn count_password(&self, username: &str, from: Option<Peer>) -> Result<()> {
        let of_peer = from.map(|peer| (limits::PEER_LOGIN, Key::Peer(peer)));
        let of_account = (limits::LOGIN, Key::Account(username.to_owned(), from));
        let wanted: Vec<_> = of_peer.into_iter().chain([of_account]).collect();
        Ok(self.limits.take(&wanted).await?)
    }

    /// That password was not wrong.
    pub(super) fn discount_password(&self, username: &str, from: Option<Peer>) {
        self.limits.give_back(&limits::LOGIN, &Key::Account(username.to_owned(), from));
    }
}
