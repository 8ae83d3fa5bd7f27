//! A change of metadata as one transaction: the compare-and-set, the rows, the events.
//!
//! All streams that it appends to are locked first, in one order. When the answer to COMMIT is lost, the server is asked
//! what became of that very transaction.

use std::time::Duration;

use guildhall_proto::ids::StreamKey;
use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::codec::{self, Columns};
use super::link::{ANSWER_TIMEOUT, Link, RETRY_PAUSE};
use super::{
    audit, bans, blocks, channels, erasures, failure, guilds, invites, members, notices, roles, setup, streams, tokens,
    users,
};
use crate::store::{Commit, NewEvent, Notice, Taken, Write};

/// How long a change is tried again, or its outcome is asked for.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is to be committed.
pub(super) struct Change {
    /// Where a stream's head must be.
    pub(super) expected: Option<(StreamKey, u64)>,
    /// The rows.
    pub(super) writes: Vec<Write>,
    /// The events.
    pub(super) events: Vec<NewEvent>,
}

/// How a transaction failed.
enum Failed {
    /// Nothing was written.
    Undone(sqlx::Error),
    /// It was to be committed, and no answer came. Its number, and what it would have done.
    InDoubt(i64, Commit, sqlx::Error),
}

/// What became of a transaction.
enum Outcome {
    Committed,
    Undone,
    InProgress,
}

impl Failed {
    /// The same may go well at once.
    fn is_worth_another(&self) -> bool {
        match self {
            Self::InDoubt(..) => true,
            Self::Undone(error) => failure::is_in_doubt(error) || failure::is_collision(error),
        }
    }

    fn error(&self) -> &sqlx::Error {
        match self {
            Self::Undone(error) | Self::InDoubt(_, _, error) => error,
        }
    }

    fn into_error(self) -> sqlx::Error {
        match self {
            Self::Undone(error) | Self::InDoubt(_, _, error) => error,
        }
    }
}

impl Change {
    /// Whether rows of channels are left to be erased afterwards.
    pub(super) fn deletes_channels(&self) -> bool {
        self.writes.iter().any(|write| matches!(write, Write::DeleteChannel(_) | Write::DeleteGuild(_)))
    }

    fn streams(&self) -> Vec<StreamKey> {
        let events = self.events.iter().map(|event| event.stream);
        self.expected.iter().map(|(stream, _)| *stream).chain(events).collect()
    }
}

/// Commits it, or says why not.
pub(super) async fn commit(link: &Link, change: &Change) -> sqlx::Result<Commit> {
    let mut failed = match attempt(link, change).await {
        Err(failed) if failed.is_worth_another() => failed,
        result => return result.map_err(Failed::into_error),
    };
    let until = Instant::now() + PATIENCE;
    let link = link.settling();
    loop {
        if let Failed::InDoubt(transaction, commit, error) = failed {
            match timeout_at(until, was_committed(&link, transaction)).await {
                Ok(Ok(true)) => return Ok(commit),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(error),
            }
        }
        sleep(RETRY_PAUSE).await;
        match timeout_at(until, attempt(&link, change)).await {
            Ok(Err(again)) if again.is_worth_another() || failure::is_not_now(again.error()) => failed = again,
            Ok(result) => return result.map_err(Failed::into_error),
            Err(_) => return Err(failure::timed_out()),
        }
    }
}

async fn attempt(link: &Link, change: &Change) -> Result<Commit, Failed> {
    let mut lease = link.lease().await.map_err(Failed::Undone)?;
    let began = Instant::now();
    let prepared = timeout(ANSWER_TIMEOUT, prepare(lease.connection(), change)).await;
    let prepared = prepared.unwrap_or_else(|_| Err(failure::timed_out()));
    lease.note(began, &prepared);
    let (transaction, commit) = prepared.map_err(Failed::Undone)?;
    let keep = matches!(commit, Commit::Done(_));
    let end = sqlx::raw_sql(if keep { "COMMIT" } else { "ROLLBACK" });
    let began = Instant::now();
    let ended = timeout(ANSWER_TIMEOUT, end.execute(lease.connection())).await;
    let ended = ended.unwrap_or_else(|_| Err(failure::timed_out()));
    lease.note(began, &ended);
    match ended {
        Ok(_) => lease.keep(),
        Err(_) if !keep => {}
        Err(error) if failure::is_in_doubt(&error) => return Err(Failed::InDoubt(transaction, commit, error)),
        Err(error) => return Err(Failed::Undone(error)),
    }
    Ok(commit)
}

/// Does all but the last word. On an error the connection is given up, and the transaction with it.
async fn prepare(on: &mut PgConnection, change: &Change) -> sqlx::Result<(i64, Commit)> {
    sqlx::raw_sql("BEGIN").execute(&mut *on).await?;
    let (transaction, heads) = streams::lock(on, &change.streams()).await?;
    if let Some((stream, head)) = change.expected {
        let actual = heads.get(&(codec::kind(stream), codec::id(stream.id))).copied();
        if actual != Some(head) {
            return Ok((transaction, Commit::Moved(actual)));
        }
    }
    Ok((transaction, write(on, change).await?))
}

async fn write(on: &mut PgConnection, change: &Change) -> sqlx::Result<Commit> {
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

/// Whether the transaction was committed. Asked until it has ended and the server says so.
async fn was_committed(link: &Link, transaction: i64) -> sqlx::Result<bool> {
    tracing::debug!("the outcome of a change is not known; it is found out");
    loop {
        match outcome(link, transaction).await {
            Ok(Outcome::Committed) => return Ok(true),
            Ok(Outcome::Undone) => return Ok(false),
            Ok(Outcome::InProgress) => {}
            Err(error) if failure::is_not_now(&error) => {}
            Err(error) => return Err(error),
        }
        sleep(RETRY_PAUSE).await;
    }
}

async fn outcome(link: &Link, transaction: i64) -> sqlx::Result<Outcome> {
    let ask = "SELECT pg_xact_status($1::bigint::text::xid8)";
    let row = match link.row(|| sqlx::query(ask).bind(transaction)).await {
        // The server crashed before it heard of it for good.
        Err(error) if failure::is_unknown_transaction(&error) => return Ok(Outcome::Undone),
        row => row?.ok_or(sqlx::Error::RowNotFound)?,
    };
    match Columns::of(&row).get::<Option<&str>>()? {
        Some("committed") => Ok(Outcome::Committed),
        Some("aborted") => Ok(Outcome::Undone),
        _ => Ok(Outcome::InProgress),
    }
}

async fn row(on: &mut PgConnection, write: &Write) -> sqlx::Result<Option<Taken>> {
    match write {
        Write::InsertUser(user) => return users::insert(on, user).await,
        Write::UpdateProfile(user) => match users::update(on, user).await? {
            None => notices::insert(on, Notice::ProfileChanged(user.id)).await,
            taken => return Ok(taken),
        },
        Write::RequireUser { user, password_hash } => {
            return users::require(on, *user, password_hash.as_deref()).await;
        }
        Write::SetPassword { user, old, new } => return users::set_password(on, *user, old, new).await,
        Write::EraseUser { user, delete_ms } => match users::erase(on, *user, *delete_ms).await? {
            None => notices::insert(on, Notice::ProfileChanged(*user)).await,
            taken => return Ok(taken),
        },
        Write::InsertBlock(block) => {
            blocks::insert(on, *block).await?;
            notices::blocks_changed(on, [block.user, block.blocked]).await
        }
        Write::DeleteBlock { user, blocked } => {
            blocks::delete(on, *user, *blocked).await?;
            notices::blocks_changed(on, [*user, *blocked]).await
        }
        Write::InsertErasure(erasure) => return erasures::insert(on, *erasure).await,
        Write::MoveErasure(erasure) => return erasures::advance(on, *erasure).await,
        Write::DeleteErasure(user) => erasures::delete(on, *user).await,
        Write::InsertToken(token) => return tokens::insert(on, token).await,
        Write::TouchToken { id, last_used_ms, expire_ms } => tokens::touch(on, *id, *last_used_ms, *expire_ms).await,
        Write::ExpireTokens { user, expire_ms } => {
            tokens::expire(on, *user, *expire_ms).await?;
            notices::insert(on, Notice::TokensExpire { user: *user, expire_ms: *expire_ms }).await
        }
        Write::EndTokens { user, except } => {
            for ended in tokens::end(on, *user, *except).await? {
                notices::insert(on, Notice::LoginEnded(ended)).await?;
            }
            Ok(())
        }
        Write::DeleteToken { id, user } => match tokens::delete(on, *id, *user).await? {
            true => notices::insert(on, Notice::LoginEnded(*id)).await,
            false => Ok(()),
        },
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
