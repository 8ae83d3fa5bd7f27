//! Members of guilds.

use guildhall_proto::ids::{GuildId, UserId};
use sqlx::postgres::PgConnection;

use super::codec::{self, Columns};
use super::link::Link;
use super::users;
use crate::store::{MemberRow, Taken, UserRow};

fn read(columns: &mut Columns<'_>) -> sqlx::Result<MemberRow> {
    Ok(MemberRow { guild: columns.id()?, user: columns.id()?, join_ms: columns.id()? })
}

/// Up to `limit` with ids above `after`, by id.
pub(super) async fn page(
    on: &Link,
    guild: GuildId,
    after: UserId,
    limit: usize,
) -> sqlx::Result<Vec<(MemberRow, UserRow)>> {
    let select = concat!(
        "SELECT m.guild_id, m.user_id, m.join_ms, ",
        users::columns!(),
        " FROM members AS m JOIN users AS u ON u.id = m.user_id",
        " WHERE m.guild_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3"
    );
    let (guild, after, limit) = (codec::id(guild), codec::bound(after), codec::limit(limit));
    let rows = on.rows(|| sqlx::query(select).bind(guild).bind(after).bind(limit)).await?;
    let member = |row| {
        let mut columns = Columns::of(row);
        Ok((read(&mut columns)?, users::read(&mut columns)?))
    };
    rows.iter().map(member).collect()
}

pub(super) async fn insert(on: &mut PgConnection, member: MemberRow) -> sqlx::Result<Option<Taken>> {
    let insert = "INSERT INTO members (guild_id, user_id, join_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(codec::id(member.guild))
        .bind(codec::id(member.user))
        .bind(codec::bound(member.join_ms))
        .execute(on)
        .await?;
    Ok((inserted.rows_affected() == 0).then_some(Taken::Member))
}

pub(super) async fn delete(on: &mut PgConnection, guild: GuildId, user: UserId) -> sqlx::Result<()> {
    let delete = sqlx::query("DELETE FROM members WHERE guild_id = $1 AND user_id = $2");
    delete.bind(codec::id(guild)).bind(codec::id(user)).execute(on).await.map(drop)
}
