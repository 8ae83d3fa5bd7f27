//! Who does not want to hear of whom.

use guildhall_proto::ids::UserId;
use sqlx::sqlite::SqliteConnection;

use super::codec::{self, Columns};
use crate::store::BlockRow;

fn read(columns: &mut Columns<'_>) -> sqlx::Result<BlockRow> {
    Ok(BlockRow { user: columns.id()?, blocked: columns.id()?, create_ms: columns.id()? })
}

/// Newest first.
pub(super) async fn of_user(on: &mut SqliteConnection, user: UserId) -> sqlx::Result<Vec<BlockRow>> {
    let select = "SELECT user_id, blocked_id, create_ms FROM blocks WHERE user_id = ?1
                  ORDER BY create_ms DESC, blocked_id";
    let rows = sqlx::query(select).bind(codec::id(user)).fetch_all(on).await?;
    rows.iter().map(|row| read(&mut Columns::of(row))).collect()
}

/// Whom a user has blocked, and by whom the user is blocked; both may name the same one.
pub(super) async fn hidden_from(on: &mut SqliteConnection, user: UserId) -> sqlx::Result<Vec<UserId>> {
    let select = "SELECT blocked_id FROM blocks WHERE user_id = ?1
                  UNION ALL SELECT user_id FROM blocks WHERE blocked_id = ?1";
    let rows = sqlx::query(select).bind(codec::id(user)).fetch_all(on).await?;
    rows.iter().map(|row| Columns::of(row).id()).collect()
}

/// The blocks of two users of each other.
pub(super) async fn between(on: &mut SqliteConnection, one: UserId, other: UserId) -> sqlx::Result<Vec<BlockRow>> {
    let select = "SELECT user_id, blocked_id, create_ms FROM blocks WHERE user_id = ?1 AND blocked_id = ?2
                  UNION ALL
                  SELECT user_id, blocked_id, create_ms FROM blocks WHERE user_id = ?2 AND blocked_id = ?1";
    let rows = sqlx::query(select).bind(codec::id(one)).bind(codec::id(other)).fetch_all(on).await?;
    rows.iter().map(|row| read(&mut Columns::of(row))).collect()
}

/// One that is there already stays.
pub(super) async fn insert(on: &mut SqliteConnection, block: BlockRow) -> sqlx::Result<()> {
    let insert = "INSERT INTO blocks (user_id, blocked_id, create_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let insert = sqlx::query(insert).bind(codec::id(block.user)).bind(codec::id(block.blocked));
    insert.bind(codec::bound(block.create_ms)).execute(on).await.map(drop)
}

pub(super) async fn delete(on: &mut SqliteConnection, user: UserId, blocked: UserId) -> sqlx::Result<()> {
    let delete = sqlx::query("DELETE FROM blocks WHERE user_id = ?1 AND blocked_id = ?2");
    delete.bind(codec::id(user)).bind(codec::id(blocked)).execute(on).await.map(drop)
}

/// All of a user and by a user.
pub(super) async fn delete_all(on: &mut SqliteConnection, user: UserId) -> sqlx::Result<()> {
    for delete in ["DELETE FROM blocks WHERE user_id = ?1", "DELETE FROM blocks WHERE blocked_id = ?1"] {
        sqlx::query(delete).bind(codec::id(user)).execute(&mut *on).await?;
    }
    Ok(())
}
