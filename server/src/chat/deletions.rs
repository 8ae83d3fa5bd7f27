//! Accounts that are deleted, and what goes with them: bots, memberships, tokens. A tombstone stays, so that what was
//! written has an author.

use std::sync::Arc;

use guildhall_proto::{
    ids::{ChannelId, GuildId, MessageId, StreamKey, UserId},
    v1::{self, LeaveReason, event::Payload},
};

use super::{
    Caller, Chat,
    commit::Batch,
    error::{Error, Missing, Result},
    events, validate,
    views::GuildHandle,
};
use crate::store::{Commit, ErasureRow, NewEvent, Taken, UserRow, Write};

/// How often a deletion is made anew because the user joined or left a guild, or made a bot, meanwhile.
const TRIES_MAX: usize = 8;

/// An account that is to go.
struct Doomed<'a> {
    user: &'a UserRow,
    /// Who says so: the user, or the owner of a bot.
    actor: UserId,
    delete_messages: bool,
}

impl Chat {
    /// Deletes the caller's account and its bots.
    pub async fn delete_account(
        &self,
        caller: &Caller,
        request: v1::DeleteAccountRequest,
    ) -> Result<v1::DeleteAccountResponse> {
        validate(&request)?;
        if caller.bot {
            return Err(Error::Permission("PERSON"));
        }
        let delete_messages = request.delete_messages;
        let password_hash = Some(self.right_password(caller, request.password).await?);
        let me = UserRow { password_hash, ..self.profile(caller.user).await? };
        for _ in 0..TRIES_MAX {
            // A new bot moves the user's stream.
            let head = self.head_of(me.id).await?;
            let bots = self.metadata().bots_of(me.id).await?;
            self.own_nothing(bots.iter().map(|bot| bot.id).chain([me.id])).await?;
            for bot in &bots {
                self.remove(Doomed { user: bot, actor: me.id, delete_messages }).await?;
            }
            let doomed = Doomed { user: &me, actor: me.id, delete_messages };
            if bots.is_empty() && self.remove_at(head, &doomed).await? {
                return Ok(v1::DeleteAccountResponse {});
            }
        }
        Err(Error::Conflict)
    }

    /// Deletes a bot of the caller.
    pub async fn delete_bot(&self, caller: &Caller, request: v1::DeleteBotRequest) -> Result<v1::DeleteBotResponse> {
        validate(&request)?;
        let bot = self.my_bot(caller, request.bot_id).await?;
        self.own_nothing([bot.id].into_iter()).await?;
        self.remove(Doomed { user: &bot, actor: caller.user, delete_messages: request.delete_messages }).await?;
        Ok(v1::DeleteBotResponse {})
    }

    async fn own_nothing(&self, users: impl Iterator<Item = UserId>) -> Result<()> {
        let mut guilds = Vec::new();
        for user in users {
            guilds.extend(self.metadata().guilds_owned(user).await?);
        }
        if guilds.is_empty() { Ok(()) } else { Err(Error::OwnsGuilds(guilds)) }
    }

    async fn head_of(&self, user: UserId) -> Result<u64> {
        let position = self.metadata().stream_position(StreamKey::user(user)).await?;
        Ok(position.ok_or(Error::NotFound(Missing::User))?.seq)
    }

    async fn remove(&self, doomed: Doomed<'_>) -> Result<()> {
        for _ in 0..TRIES_MAX {
            let head = self.head_of(doomed.user.id).await?;
            if self.remove_at(head, &doomed).await? {
                return Ok(());
            }
        }
        Err(Error::Conflict)
    }

    /// False: the user's stream is not there any more, and something may be different.
    async fn remove_at(&self, head: u64, doomed: &Doomed<'_>) -> Result<bool> {
        let user = doomed.user.id;
        // Joining and leaving move the user's stream too, so at this head the guilds are these.
        let guilds = self.guilds_of(user).await?;
        let batch = Batch {
            expected: Some((StreamKey::user(user), head)),
            writes: self.farewell(doomed, &guilds),
            events: self.farewell_events(doomed, &guilds),
        };
        let (tokens, people) = (Arc::clone(&self.tokens), Arc::clone(&self.people));
        let after = move || {
            tokens.end_all(user, None);
            people.forget(user);
        };
        match self.commits.write(batch, guilds, after).await? {
            Commit::Done(_) => {
                self.erasures_due.notify_one();
                Ok(true)
            }
            Commit::Moved(_) => Ok(false),
            // Somebody handed a guild over just now.
            Commit::Taken(Taken::Owner) => Err(Error::OwnsGuilds(self.metadata().guilds_owned(user).await?)),
            Commit::Taken(taken) => Err(taken.into()),
        }
    }

    fn farewell(&self, doomed: &Doomed<'_>, guilds: &[Arc<GuildHandle>]) -> Vec<Write> {
        let (user, now_ms) = (doomed.user.id, self.clock.now_ms());
        let mut writes = vec![Write::RequireUser { user, password_hash: doomed.user.password_hash.clone() }];
        writes.extend(guilds.iter().map(|guild| Write::DeleteMember(guild.id(), user)));
        writes.push(Write::EraseUser { user, delete_ms: now_ms });
        writes.push(Write::EndTokens { user, except: None });
        if doomed.delete_messages {
            writes.push(Write::InsertErasure(ErasureRow {
                user,
                version: 1,
                begin_ms: now_ms,
                round: 0,
                channel: ChannelId(0),
                message: MessageId(0),
                not_before_ms: now_ms,
            }));
        }
        writes
    }

    fn farewell_events(&self, doomed: &Doomed<'_>, guilds: &[Arc<GuildHandle>]) -> Vec<NewEvent> {
        let (user, now_ms) = (doomed.user.id, self.clock.now_ms());
        let reason = LeaveReason::AccountDeleted.into();
        let left = |guild: GuildId| {
            let removed = Payload::MemberRemoved(v1::MemberRemoved { user_id: user.get(), reason });
            events::new_event(guild, doomed.actor, now_ms, removed)
        };
        let mut told: Vec<_> = guilds.iter().map(|guild| left(guild.id())).collect();
        if let Some(owner) = doomed.user.bot_owner {
            let deleted = Payload::BotDeleted(v1::BotDeleted { bot_id: user.get() });
            told.push(events::new_event(owner, doomed.actor, now_ms, deleted));
        }
        told
    }
}
