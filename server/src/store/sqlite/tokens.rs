//! Tokens: the login sessions of people and bots.

use guildhall_proto::ids::{LoginSessionId, UserId};
use sqlx::sqlite::SqliteConnection;

use super::codec::{self, Columns};
use super::users;
use crate::store::{Taken, TokenKind, TokenRow, UserRow};

macro_rules! columns {
    () => {
        "t.id, t.digest, t.user_id, t.kind, t.device, t.create_ms, t.last_used_ms, t.expire_ms"
    };
}

fn read(columns: &mut Columns<'_>) -> sqlx::Result<TokenRow> {
    Ok(TokenRow {
        id: columns.id()?,
        digest: columns.bytes()?,
        user: columns.id()?,
        kind: match columns.get::<i64>()? {
            1 => TokenKind::Person,
            2 => TokenKind::Bot,
            _ => return Err(columns.wrong("unknown kind of token")),
        },
        device: columns.get()?,
        create_ms: columns.id()?,
        last_used_ms: columns.id()?,
        expire_ms: columns.id_or_none()?,
    })
}

pub(super) async fn by_digest(
    on: &mut SqliteConnection,
    digest: &[u8; 32],
) -> sqlx::Result<Option<(TokenRow, UserRow)>> {
    let select = concat!(
        "SELECT ",
        columns!(),
        ", ",
        users::columns!(),
        " FROM tokens AS t JOIN users AS u ON u.id = t.user_id WHERE t.digest = ?1"
    );
    let row = sqlx::query(select).bind(digest.as_slice()).fetch_optional(on).await?;
    row.map(|row| {
        let mut columns = Columns::of(&row);
        Ok((read(&mut columns)?, users::read(&mut columns)?))
    })
    .transpose()
}

/// Newest first.
pub(super) async fn of_user(on: &mut SqliteConnection, user: UserId) -> sqlx::Result<Vec<TokenRow>> {
    let select =
        concat!("SELECT ", columns!(), " FROM tokens AS t WHERE t.user_id = ?1 ORDER BY t.create_ms DESC, t.id DESC");
    let rows = sqlx::query(select).bind(codec::id(user)).fetch_all(on).await?;
    rows.iter().map(|row| read(&mut Columns::of(row))).collect()
}

pub(super) async fn insert(on: &mut SqliteConnection, token: &TokenRow) -> sqlx::Result<Option<Taken>> {
    let insert = "INSERT INTO tokens (id, digest, user_id, kind, device, create_ms, last_used_ms, expire_ms)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
    let kind = match token.kind {
        TokenKind::Person => 1,
        TokenKind::Bot => 2,
    };
    let inserted = sqlx::query(insert)
        .bind(codec::id(token.id))
        .bind(token.digest.as_slice())
        .bind(codec::id(token.user))
        .bind(kind)
        .bind(&token.device)
        .bind(codec::bound(token.create_ms))
        .bind(codec::bound(token.last_used_ms))
        .bind(token.expire_ms.map(codec::bound))
        .execute(on)
        .await?;
    Ok((inserted.rows_affected() == 0).then_some(Taken::Id))
}

/// A token that ended before this use stays ended: the use may have read it just before it was ended.
pub(super) async fn touch(
    on: &mut SqliteConnection,
    id: LoginSessionId,
    last_used_ms: u64,
    expire_ms: Option<u64>,
) -> sqlx::Result<()> {
    let update = "UPDATE tokens SET last_used_ms = ?2, expire_ms = ?3
                  WHERE id = ?1 AND (expire_ms IS NULL OR expire_ms > ?2)";
    sqlx::query(update)
        .bind(codec::id(id))
        .bind(codec::bound(last_used_ms))
        .bind(expire_ms.map(codec::bound))
        .execute(on)
        .await
        .map(drop)
}

pub(super) async fn expire(on: &mut SqliteConnection, user: UserId, expire_ms: u64) -> sqlx::Result<()> {
    let update = "UPDATE tokens SET expire_ms = ?2 WHERE user_id = ?1 AND (expire_ms IS NULL OR expire_ms > ?2)";
    sqlx::query(update).bind(codec::id(user)).bind(codec::bound(expire_ms)).execute(on).await.map(drop)
}

/// All of a user but one, whatever the clock of a node says.
pub(super) async fn end(on: &mut SqliteConnection, user: UserId, except: Option<LoginSessionId>) -> sqlx::Result<()> {
    let update = "UPDATE tokens SET expire_ms = 0
                  WHERE user_id = ?1 AND id <> ?2 AND (expire_ms IS NULL OR expire_ms > 0)";
    // No id is 0.
    let except = codec::id(except.map_or(0, LoginSessionId::get));
    let ended = sqlx::query(update).bind(codec::id(user)).bind(except);
    ended.execute(on).await.map(drop)
}

pub(super) async fn delete(on: &mut SqliteConnection, id: LoginSessionId, user: UserId) -> sqlx::Result<()> {
    let delete = sqlx::query("DELETE FROM tokens WHERE id = ?1 AND user_id = ?2");
    delete.bind(codec::id(id)).bind(codec::id(user)).execute(on).await.map(drop)
}
