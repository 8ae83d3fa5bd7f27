//! A change of metadata as one transaction: the compare-and-set, the rows, the events.

use guildhall_proto::ids::StreamKey;
use sqlx::sqlite::SqliteConnection;

use super::{audit, bans, blocks, channels, erasures, guilds, invites, members, roles, setup, streams, tokens, users};
use crate::store::{Commit, NewEvent, Taken, Write};

/// What is to be committed.
pub(super) struct Change {
    /// Where a stream's head must be.
    pub(super) expected: Option<(StreamKey, u64)>,
    /// The rows.
    pub(super) writes: Vec<Write>,
    /// The events.
    pub(super) events: Vec<NewEvent>,
}

impl Change {
    /// Whether rows of channels are left to be erased afterwards.
    pub(super) fn deletes_channels(&self) -> bool {
        self.writes.iter().any(|write| matches!(write, Write::DeleteChannel(_) | Write::DeleteGuild(_)))
    }
}

/// Writes it. The transaction around it is the caller's: all but `Done` is to be rolled back.
pub(super) async fn write(on: &mut SqliteConnection, change: &Change) -> sqlx::Result<Commit> {
    if let Some((stream, head)) = change.expected {
        let actual = streams::position(&mut *on, stream).await?.map(|position| position.seq);
        if actual != Some(head) {
            return Ok(Commit::Moved(actual));
        }
    }
    for write in &change.writes {
        if let Some(taken) = row(on, write).await? {
            return Ok(Commit::Taken(taken));
        }
    }
    let mut positions = Vec::with_capacity(change.events.len());
    for event in &change.events {
        match streams::append(on, event).await? {
            Some(position) => positions.push(position),
            None => return Ok(Commit::Moved(None)),
        }
    }
    Ok(Commit::Done(positions))
}

async fn row(on: &mut SqliteConnection, write: &Write) -> sqlx::Result<Option<Taken>> {
    match write {
        Write::InsertUser(user) => return users::insert(on, user).await,
        Write::UpdateProfile(user) => return users::update(on, user).await,
        Write::RequireUser { user, password_hash } => {
            return users::require(on, *user, password_hash.as_deref()).await;
        }
        Write::SetPassword { user, old, new } => return users::set_password(on, *user, old, new).await,
        Write::EraseUser { user, delete_ms } => return users::erase(on, *user, *delete_ms).await,
        Write::InsertBlock(block) => blocks::insert(on, *block).await,
        Write::DeleteBlock { user, blocked } => blocks::delete(on, *user, *blocked).await,
        Write::InsertErasure(erasure) => return erasures::insert(on, *erasure).await,
        Write::MoveErasure(erasure) => return erasures::advance(on, *erasure).await,
        Write::DeleteErasure(user) => erasures::delete(on, *user).await,
        Write::InsertToken(token) => return tokens::insert(on, token).await,
        Write::TouchToken { id, last_used_ms, expire_ms } => tokens::touch(on, *id, *last_used_ms, *expire_ms).await,
        Write::ExpireTokens { user, expire_ms } => tokens::expire(on, *user, *expire_ms).await,
        Write::EndTokens { user, except } => tokens::end(on, *user, *except).await,
        Write::DeleteToken { id, user } => tokens::delete(on, *id, *user).await,
        Write::SetSetupCode(digest) => setup::set(on, digest).await,
        Write::UseSetupCode(digest) => return setup::take(on, digest).await,
        Write::InsertGuild(guild) => return guilds::insert(on, guild).await,
        Write::UpdateGuild(guild) => guilds::update(on, guild).await,
        Write::SetOwner(guild, owner) => guilds::set_owner(on, *guild, *owner).await,
        Write::DeleteGuild(guild) => guilds::delete(on, *guild).await,
        Write::InsertMember(member) => return members::insert(on, member).await,
        Write::UpdateMember(member) => members::update(on, member).await,
        Write::SetMemberRoles(guild, user, borne) => roles::give(on, *guild, *user, borne).await,
        Write::DeleteMember(guild, user) => members::delete(on, *guild, *user).await,
        Write::InsertRole(role) => return roles::insert(on, role).await,
        Write::UpdateRole(role) => roles::update(on, role).await,
        Write::DeleteRole(guild, role) => roles::delete(on, *guild, *role).await,
        Write::SetRolePositions(places) => roles::place(on, places).await,
        Write::InsertBan(ban) => bans::insert(on, ban).await,
        Write::DeleteBan(guild, user) => bans::delete(on, *guild, *user).await,
        Write::InsertAudit(act) => return audit::insert(on, act).await,
        Write::InsertChannel(channel) => return channels::insert(on, channel).await,
        Write::UpdateChannel(channel) => channels::update(on, channel).await,
        Write::DeleteChannel(channel) => channels::delete(on, *channel).await,
        Write::SetPositions(places) => channels::place(on, places).await,
        Write::InsertInvite(invite) => return invites::insert(on, invite).await,
        Write::UseInvite { code, now_ms } => return invites::take(on, code, *now_ms).await,
        Write::DeleteInvite(code) => invites::delete(on, code).await,
    }
    .map(|()| None)
}
