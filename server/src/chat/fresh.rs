//! Pictures that other nodes may have made old: what was acknowledged by one node is found done on all.
//!
//! A picture follows its guild's stream within milliseconds. Between the two, whoever is let in or told something by one
//! node must not be turned away by another. So what is read of a guild follows the stream first, and what is refused in a
//! channel is decided again after that. In one process alone nothing is ever old, and nothing is asked.

use std::sync::{Arc, atomic::Ordering};

use guildhall_proto::ids::{ChannelId, StreamKey, UserId};

use super::{
    Chat,
    error::Result,
    views::{GuildHandle, View},
};

impl Chat {
    /// Whether other nodes may have changed what this one holds.
    pub(super) fn is_among_others(&self) -> bool {
        self.among_others.load(Ordering::Relaxed)
    }

    /// Lets a guild's picture follow what is committed by now. A storage that does not answer leaves it as it is.
    pub(super) async fn refresh(&self, handle: &Arc<GuildHandle>) {
        if !self.is_among_others() {
            return;
        }
        let known = handle.position().seq;
        let outcome = match self.metadata().stream_position(StreamKey::guild(handle.id())).await {
            Ok(Some(head)) if head.seq <= known => Ok(()),
            Ok(_) => self.guilds.catch_up(handle).await,
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            tracing::warn!(guild = %handle.id(), %error, "a guild's picture may be old");
        }
    }

    /// Decides on a guild's picture; what is refused is decided again on one that is not old.
    pub(super) async fn decide<T>(
        &self,
        handle: &Arc<GuildHandle>,
        question: impl Fn(&View) -> Result<T>,
    ) -> Result<T> {
        match handle.look(&question) {
            Err(_) if self.is_among_others() => {
                self.refresh(handle).await;
                handle.look(&question)
            }
            answer => answer,
        }
    }

    /// Whether a user may read a channel, as of now.
    pub async fn may_read(&self, handle: &Arc<GuildHandle>, user: UserId, channel: ChannelId) -> bool {
        if !handle.may_read(user, channel) {
            self.refresh(handle).await;
        }
        handle.may_read(user, channel)
    }
}
