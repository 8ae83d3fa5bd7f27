//! Notices to other nodes of what they must drop from their memory.
//!
//! Transactions end in another order than they begin, so no number that is given out in one of them is a watermark. What
//! is one: the oldest transaction that has not ended, as the reader's own snapshot knows it. All notices of older ones
//! are there or never will be. Notices of younger ones are handed out as soon as they are seen, and may be again, until
//! the watermark has passed them: a transaction that somebody leaves open must not delay them.

use guildhall_proto::ids::{LoginSessionId, UserId};
use sqlx::postgres::PgConnection;

use super::codec::{self, Columns};
use super::link::Link;
use crate::store::Notice;

const LOGIN_ENDED: i16 = 1;
const TOKENS_EXPIRE: i16 = 2;
const PROFILE_CHANGED: i16 = 3;
const BLOCKS_CHANGED: i16 = 4;

/// How long notices are kept.
const PRUNE: &str = "DELETE FROM notices WHERE written < now() - interval '10 minutes'";

/// The watermark, and the notices after $1. A server that was rebuilt may count from a lower number again.
pub(super) const AFTER: &str = "
SELECT w.xmin, n.kind, n.subject_id, n.expire_ms
FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin) AS w
LEFT JOIN notices AS n ON $1 > 0 AND n.xid >= LEAST($1, w.xmin)
ORDER BY n.xid, n.id";

/// Writes one, in the transaction that is its reason.
pub(super) async fn insert(on: &mut PgConnection, notice: Notice) -> sqlx::Result<()> {
    let (kind, subject, expire_ms) = match notice {
        Notice::LoginEnded(id) => (LOGIN_ENDED, codec::id(id), 0),
        Notice::TokensExpire { user, expire_ms } => (TOKENS_EXPIRE, codec::id(user), expire_ms),
        Notice::ProfileChanged(user) => (PROFILE_CHANGED, codec::id(user), 0),
        Notice::BlocksChanged(user) => (BLOCKS_CHANGED, codec::id(user), 0),
    };
    let insert = "INSERT INTO notices (xid, kind, subject_id, expire_ms)
                  VALUES (pg_current_xact_id()::text::bigint, $1, $2, $3)";
    sqlx::query(insert).bind(kind).bind(subject).bind(codec::bound(expire_ms)).execute(on).await.map(drop)
}

/// A block of one of them by the other has come or gone.
pub(super) async fn blocks_changed(on: &mut PgConnection, users: [UserId; 2]) -> sqlx::Result<()> {
    for user in users {
        insert(on, Notice::BlocksChanged(user)).await?;
    }
    Ok(())
}

/// Those after a watermark, and the next watermark.
pub(super) async fn after(on: &Link, watermark: u64) -> sqlx::Result<(u64, Vec<Notice>)> {
    let mut next = watermark;
    let mut notices = Vec::new();
    for row in on.rows(|| sqlx::query(AFTER).bind(codec::bound(watermark))).await? {
        let mut columns = Columns::of(&row);
        next = columns.id()?;
        if !columns.is_null()? {
            notices.push(read(&mut columns)?);
        }
    }
    Ok((next, notices))
}

fn read(columns: &mut Columns<'_>) -> sqlx::Result<Notice> {
    match columns.get::<i16>()? {
        LOGIN_ENDED => Ok(Notice::LoginEnded(columns.id::<LoginSessionId>()?)),
        TOKENS_EXPIRE => Ok(Notice::TokensExpire { user: columns.id::<UserId>()?, expire_ms: columns.id()? }),
        PROFILE_CHANGED => Ok(Notice::ProfileChanged(columns.id::<UserId>()?)),
        BLOCKS_CHANGED => Ok(Notice::BlocksChanged(columns.id::<UserId>()?)),
        _ => Err(columns.wrong("unknown kind of notice")),
    }
}

/// Drops the old ones.
pub(super) async fn prune(on: &Link) -> sqlx::Result<()> {
    on.lease().await?.fetch(sqlx::query(PRUNE)).await.map(drop)
}
