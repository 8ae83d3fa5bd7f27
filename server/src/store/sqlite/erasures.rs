//! Deleted accounts whose messages are still to be erased.

use guildhall_proto::ids::UserId;
use sqlx::sqlite::SqliteConnection;

use super::codec::{self, Columns};
use crate::store::{ErasureRow, Taken};

fn read(columns: &mut Columns<'_>) -> sqlx::Result<ErasureRow> {
    Ok(ErasureRow {
        user: columns.id()?,
        version: columns.id()?,
        begin_ms: columns.id()?,
        round: columns.id()?,
        channel: columns.id()?,
        message: columns.id()?,
        not_before_ms: columns.id()?,
    })
}

/// Those that anybody may go on with, up to `limit`, longest due first.
pub(super) async fn due(on: &mut SqliteConnection, now_ms: u64, limit: usize) -> sqlx::Result<Vec<ErasureRow>> {
    let select = "SELECT user_id, version, begin_ms, round, channel_id, message_id, not_before_ms FROM erasures
                  WHERE not_before_ms <= ?1 ORDER BY not_before_ms LIMIT ?2";
    let rows = sqlx::query(select).bind(codec::bound(now_ms)).bind(codec::limit(limit)).fetch_all(on).await?;
    rows.iter().map(|row| read(&mut Columns::of(row))).collect()
}

pub(super) async fn insert(on: &mut SqliteConnection, erasure: ErasureRow) -> sqlx::Result<Option<Taken>> {
    let insert = "INSERT INTO erasures (user_id, version, begin_ms, round, channel_id, message_id, not_before_ms)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(codec::id(erasure.user))
        .bind(codec::id(erasure.version))
        .bind(codec::bound(erasure.begin_ms))
        .bind(codec::id(erasure.round))
        .bind(codec::id(erasure.channel))
        .bind(codec::id(erasure.message))
        .bind(codec::bound(erasure.not_before_ms))
        .execute(on)
        .await?;
    Ok((inserted.rows_affected() == 0).then_some(Taken::Erasure))
}

/// If the row has this version, it gets the rest and the next version.
pub(super) async fn advance(on: &mut SqliteConnection, erasure: ErasureRow) -> sqlx::Result<Option<Taken>> {
    let update = "UPDATE erasures SET version = version + 1, round = ?3, channel_id = ?4, message_id = ?5,
                                      not_before_ms = ?6
                  WHERE user_id = ?1 AND version = ?2";
    let updated = sqlx::query(update)
        .bind(codec::id(erasure.user))
        .bind(codec::id(erasure.version))
        .bind(codec::id(erasure.round))
        .bind(codec::id(erasure.channel))
        .bind(codec::id(erasure.message))
        .bind(codec::bound(erasure.not_before_ms))
        .execute(on)
        .await?;
    Ok((updated.rows_affected() == 0).then_some(Taken::Erasure))
}

pub(super) async fn delete(on: &mut SqliteConnection, user: UserId) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM erasures WHERE user_id = ?1").bind(codec::id(user)).execute(on).await.map(drop)
}
