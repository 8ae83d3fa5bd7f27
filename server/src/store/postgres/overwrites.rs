//! What roles and members have more or less in single channels.

use sqlx::postgres::PgConnection;

use super::codec;
use crate::store::{ChannelRow, Target};

/// The number of a target's kind, and its id.
fn target(target: Target) -> (i16, i64) {
    match target {
        Target::Role(role) => (1, codec::id(role)),
        Target::Member(user) => (2, codec::id(user)),
    }
}

/// Those of a channel, in place of all that it had.
pub(super) async fn replace(on: &mut PgConnection, channel: &ChannelRow) -> sqlx::Result<()> {
    let delete = sqlx::query("DELETE FROM overwrites WHERE channel_id = $1");
    delete.bind(codec::id(channel.id)).execute(&mut *on).await?;
    if channel.overwrites.is_empty() {
        return Ok(());
    }
    let (kinds, targets): (Vec<i16>, Vec<i64>) = channel.overwrites.iter().map(|row| target(row.target)).unzip();
    let allowed: Vec<i64> = channel.overwrites.iter().map(|row| codec::id(row.allow)).collect();
    let denied: Vec<i64> = channel.overwrites.iter().map(|row| codec::id(row.deny)).collect();
    let insert = "INSERT INTO overwrites (channel_id, guild_id, kind, target_id, allow, deny)
                  SELECT $1, $2, kind, target_id, allow, deny
                  FROM unnest($3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[])
                       AS o (kind, target_id, allow, deny)";
    sqlx::query(insert)
        .bind(codec::id(channel.id))
        .bind(codec::id(channel.guild))
        .bind(kinds)
        .bind(targets)
        .bind(allowed)
        .bind(denied)
        .execute(on)
        .await
        .map(drop)
}
