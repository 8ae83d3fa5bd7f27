//! Streams: their heads, and the events of guilds and users.

use guildhall_proto::ids::StreamKey;
use sqlx::sqlite::{SqliteConnection, SqliteExecutor};

use super::codec::{self, Columns};
use crate::store::{EventRow, NewEvent, Position};

/// Makes a stream. False: there is one of this id already.
pub(super) async fn insert(on: &mut SqliteConnection, stream: StreamKey) -> sqlx::Result<bool> {
    let epoch = rand::random_range(1..=u64::MAX);
    let insert = sqlx::query("INSERT INTO streams (kind, id, epoch) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
        .bind(codec::kind(stream))
        .bind(codec::id(stream.id))
        .bind(codec::id(epoch));
    Ok(insert.execute(on).await?.rows_affected() == 1)
}

/// How far an open stream is.
pub(super) async fn position(on: impl SqliteExecutor<'_>, stream: StreamKey) -> sqlx::Result<Option<Position>> {
    let row = sqlx::query("SELECT epoch, head FROM streams WHERE kind = ?1 AND id = ?2 AND closed = 0")
        .bind(codec::kind(stream))
        .bind(codec::id(stream.id))
        .fetch_optional(on)
        .await?;
    row.map(|row| read_position(&mut Columns::of(&row))).transpose()
}

/// How far several open streams are, in their order.
pub(super) async fn positions(on: &mut SqliteConnection, streams: &[StreamKey]) -> sqlx::Result<Vec<Option<Position>>> {
    let select = "SELECT j.key, s.epoch, s.head FROM json_each(?1) AS j CROSS JOIN streams AS s
                  WHERE s.kind = j.value ->> 0 AND s.id = j.value ->> 1 AND s.closed = 0";
    let keys: Vec<_> = streams.iter().map(|stream| (codec::kind(*stream), codec::id(stream.id))).collect();
    let keys = serde_json::to_string(&keys).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let mut positions = vec![None; streams.len()];
    for row in sqlx::query(select).bind(keys).fetch_all(on).await? {
        let mut columns = Columns::of(&row);
        let index: usize = columns.number()?;
        positions[index] = Some(read_position(&mut columns)?);
    }
    Ok(positions)
}

/// Appends one event. `None`: there is no such stream.
pub(super) async fn append(on: &mut SqliteConnection, event: &NewEvent) -> sqlx::Result<Option<Position>> {
    let (kind, id) = (codec::kind(event.stream), codec::id(event.stream.id));
    // A channel's head belongs to its log.
    if kind == codec::CHANNEL {
        return Ok(None);
    }
    // A user who is gone is told nothing any more; a guild's stream tells of its own end.
    let head = "UPDATE streams SET head = head + 1
                WHERE kind = ?1 AND id = ?2 AND (kind <> 3 OR NOT closed) RETURNING epoch, head";
    let head = sqlx::query(head);
    let Some(row) = head.bind(kind).bind(id).fetch_optional(&mut *on).await? else { return Ok(None) };
    let position = read_position(&mut Columns::of(&row))?;
    let insert =
        "INSERT INTO events (kind, stream_id, seq, actor_id, time_ms, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    sqlx::query(insert)
        .bind(kind)
        .bind(id)
        .bind(codec::id(position.seq))
        .bind(codec::id(event.actor))
        .bind(codec::bound(event.time_ms))
        .bind(event.payload.as_slice())
        .execute(on)
        .await?;
    Ok(Some(position))
}

/// Up to `limit` events after `after`.
pub(super) async fn events(
    on: &mut SqliteConnection,
    stream: StreamKey,
    after: u64,
    limit: usize,
) -> sqlx::Result<Vec<EventRow>> {
    let select = "SELECT seq, actor_id, time_ms, payload FROM events
                  WHERE kind = ?1 AND stream_id = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4";
    let rows = sqlx::query(select)
        .bind(codec::kind(stream))
        .bind(codec::id(stream.id))
        .bind(codec::bound(after))
        .bind(codec::limit(limit))
        .fetch_all(on)
        .await?;
    let event = |row| {
        let mut columns = Columns::of(row);
        Ok(EventRow { seq: columns.id()?, actor: columns.id()?, time_ms: columns.id()?, payload: columns.get()? })
    };
    rows.iter().map(event).collect()
}

/// An epoch and a head.
pub(super) fn read_position(columns: &mut Columns<'_>) -> sqlx::Result<Position> {
    Ok(Position { epoch: columns.id()?, seq: columns.id()? })
}
