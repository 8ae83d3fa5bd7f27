//! Users.

use guildhall_proto::ids::{GuildId, StreamKey, StreamKind, UserId};
use sqlx::sqlite::SqliteConnection;

use super::codec::{self, Columns};
use super::{blocks, streams};
use crate::store::{Position, Taken, UserRow};

/// The columns that `read` reads, of a table called `u`.
macro_rules! columns {
    () => {
        "u.id, u.username, u.display_name, u.avatar_url, u.custom_status, u.password_hash, u.bot_owner_id, u.admin, \
         u.create_ms, u.delete_ms"
    };
}
pub(super) use columns;

/// Reads a user.
pub(super) fn read(columns: &mut Columns<'_>) -> sqlx::Result<UserRow> {
    Ok(UserRow {
        id: columns.id()?,
        username: columns.get()?,
        display_name: columns.get()?,
        avatar_url: columns.get()?,
        custom_status: columns.get()?,
        password_hash: columns.get()?,
        bot_owner: columns.id_or_none()?,
        admin: columns.get()?,
        create_ms: columns.id()?,
        delete_ms: columns.id_or_none()?,
    })
}

pub(super) async fn by_id(on: &mut SqliteConnection, id: UserId) -> sqlx::Result<Option<UserRow>> {
    let select = concat!("SELECT ", columns!(), " FROM users AS u WHERE u.id = ?1");
    let row = sqlx::query(select).bind(codec::id(id)).fetch_optional(on).await?;
    row.map(|row| read(&mut Columns::of(&row))).transpose()
}

/// With the position of the user's stream, and the guilds, oldest membership first: one statement, one snapshot.
pub(super) async fn beginning(
    on: &mut SqliteConnection,
    id: UserId,
) -> sqlx::Result<Option<(UserRow, Position, Vec<GuildId>)>> {
    let select = concat!(
        "SELECT m.guild_id, ",
        columns!(),
        ", s.epoch, s.head
         FROM users AS u
         JOIN streams AS s ON s.kind = 3 AND s.id = u.id AND s.closed = 0
         LEFT JOIN members AS m ON m.user_id = u.id
         WHERE u.id = ?1 ORDER BY m.join_ms, m.guild_id"
    );
    let rows = sqlx::query(select).bind(codec::id(id)).fetch_all(on).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut columns = Columns::of(first);
    columns.skip(1);
    let (user, position) = (read(&mut columns)?, streams::read_position(&mut columns)?);
    let guilds: sqlx::Result<Vec<Option<GuildId>>> = rows.iter().map(|row| Columns::of(row).id_or_none()).collect();
    Ok(Some((user, position, guilds?.into_iter().flatten().collect())))
}

pub(super) async fn by_name(on: &mut SqliteConnection, username: &str) -> sqlx::Result<Option<UserRow>> {
    let select = concat!("SELECT ", columns!(), " FROM users AS u WHERE u.username = ?1");
    let row = sqlx::query(select).bind(username).fetch_optional(on).await?;
    row.map(|row| read(&mut Columns::of(&row))).transpose()
}

pub(super) async fn by_ids(on: &mut SqliteConnection, ids: &[UserId]) -> sqlx::Result<Vec<UserRow>> {
    let select = concat!("SELECT ", columns!(), " FROM users AS u WHERE u.id IN (SELECT value FROM json_each(?1))");
    let rows = sqlx::query(select).bind(codec::list(ids.iter().map(|id| codec::id(*id)))).fetch_all(on).await?;
    rows.iter().map(|row| read(&mut Columns::of(row))).collect()
}

/// Newest first, without deleted ones.
pub(super) async fn bots_of(on: &mut SqliteConnection, owner: UserId) -> sqlx::Result<Vec<UserRow>> {
    let select = concat!(
        "SELECT ",
        columns!(),
        " FROM users AS u WHERE u.bot_owner_id = ?1 AND u.delete_ms IS NULL ORDER BY u.create_ms DESC, u.id DESC"
    );
    let rows = sqlx::query(select).bind(codec::id(owner)).fetch_all(on).await?;
    rows.iter().map(|row| read(&mut Columns::of(row))).collect()
}

const OWNED: &str = "SELECT id FROM guilds WHERE owner_id = ?1 ORDER BY id";

/// The guilds that a user owns, by id.
pub(super) async fn guilds_owned(on: &mut SqliteConnection, user: UserId) -> sqlx::Result<Vec<GuildId>> {
    let rows = sqlx::query(OWNED).bind(codec::id(user)).fetch_all(on).await?;
    rows.iter().map(|row| Columns::of(row).id()).collect()
}

pub(super) async fn has_admin(on: &mut SqliteConnection) -> sqlx::Result<bool> {
    let row = sqlx::query("SELECT EXISTS (SELECT 1 FROM users WHERE admin = 1)").fetch_one(on).await?;
    Columns::of(&row).get()
}

/// With a stream.
pub(super) async fn insert(on: &mut SqliteConnection, user: &UserRow) -> sqlx::Result<Option<Taken>> {
    let insert = "INSERT INTO users (id, username, display_name, avatar_url, custom_status, password_hash,
                                     bot_owner_id, admin, create_ms)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(codec::id(user.id))
        .bind(&user.username)
        .bind(&user.display_name)
        .bind(&user.avatar_url)
        .bind(&user.custom_status)
        .bind(&user.password_hash)
        .bind(user.bot_owner.map(codec::id))
        .bind(user.admin)
        .bind(codec::bound(user.create_ms))
        .execute(&mut *on)
        .await?;
    if inserted.rows_affected() == 0 {
        let name = sqlx::query("SELECT 1 FROM users WHERE username = ?1").bind(&user.username);
        let taken = name.fetch_optional(on).await?.map_or(Taken::Id, |_| Taken::Username);
        return Ok(Some(taken));
    }
    let stream = StreamKey { kind: StreamKind::User, id: user.id.into() };
    Ok((!streams::insert(on, stream).await?).then_some(Taken::Id))
}

/// The profile only.
pub(super) async fn update(on: &mut SqliteConnection, user: &UserRow) -> sqlx::Result<Option<Taken>> {
    let update = "UPDATE users SET display_name = ?2, avatar_url = ?3, custom_status = ?4, username = ?5
                  WHERE id = ?1 AND delete_ms IS NULL";
    let updated = sqlx::query(update)
        .bind(codec::id(user.id))
        .bind(&user.display_name)
        .bind(&user.avatar_url)
        .bind(&user.custom_status)
        .bind(&user.username)
        .execute(on)
        .await;
    match updated {
        // The only unique column among them.
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(Some(Taken::Username)),
        updated => updated.map(|_| None),
    }
}

/// Whether the user is there and has this password. Nobody changes it before this transaction is done.
pub(super) async fn require(
    on: &mut SqliteConnection,
    user: UserId,
    password_hash: Option<&str>,
) -> sqlx::Result<Option<Taken>> {
    let select = "SELECT 1 FROM users WHERE id = ?1 AND delete_ms IS NULL AND password_hash IS ?2";
    let row = sqlx::query(select).bind(codec::id(user)).bind(password_hash).fetch_optional(on).await?;
    Ok(row.is_none().then_some(Taken::Password))
}

/// If it is still the old one.
pub(super) async fn set_password(
    on: &mut SqliteConnection,
    user: UserId,
    old: &str,
    new: &str,
) -> sqlx::Result<Option<Taken>> {
    let update = "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2";
    let updated = sqlx::query(update).bind(codec::id(user)).bind(old).bind(new).execute(on).await?;
    Ok((updated.rows_affected() == 0).then_some(Taken::Password))
}

/// Leaves a tombstone. Its user name is one that nobody can have.
pub(super) async fn erase(on: &mut SqliteConnection, user: UserId, delete_ms: u64) -> sqlx::Result<Option<Taken>> {
    let update = "UPDATE users SET username = ?2, display_name = 'Deleted user', avatar_url = '', custom_status = '',
                                   password_hash = NULL, admin = FALSE, delete_ms = ?3
                  WHERE id = ?1 AND delete_ms IS NULL";
    let erased = sqlx::query(update)
        .bind(codec::id(user))
        .bind(format!("deleted#{user}"))
        .bind(codec::bound(delete_ms))
        .execute(&mut *on)
        .await?;
    if erased.rows_affected() == 0 {
        return Ok(Some(Taken::Password));
    }
    if sqlx::query(OWNED).bind(codec::id(user)).fetch_optional(&mut *on).await?.is_some() {
        return Ok(Some(Taken::Owner));
    }
    for statement in [
        "UPDATE streams SET closed = TRUE WHERE kind = 3 AND id = ?1",
        "UPDATE tokens SET device = '' WHERE user_id = ?1",
    ] {
        sqlx::query(statement).bind(codec::id(user)).execute(&mut *on).await?;
    }
    blocks::delete_all(on, user).await.map(|()| None)
}
