//! Streams: their heads, and the events of guilds and users.

use std::collections::HashMap;

use guildhall_proto::ids::StreamKey;
use sqlx::postgres::PgConnection;

use super::codec::{self, Columns};
use super::link::Link;
use crate::store::{EventRow, NewEvent, Position};

/// Makes a stream. False: there is one of this id already.
pub(super) async fn insert(on: &mut PgConnection, stream: StreamKey) -> sqlx::Result<bool> {
    let epoch = rand::random_range(1..=u64::MAX);
    let insert = sqlx::query("INSERT INTO streams (kind, id, epoch) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(codec::kind(stream))
        .bind(codec::id(stream.id))
        .bind(codec::id(epoch));
    Ok(insert.execute(on).await?.rows_affected() == 1)
}

/// How far an open stream is.
pub(super) async fn position(on: &Link, stream: StreamKey) -> sqlx::Result<Option<Position>> {
    let select = "SELECT epoch, head FROM streams WHERE kind = $1 AND id = $2 AND NOT closed";
    let (kind, id) = (codec::kind(stream), codec::id(stream.id));
    let row = on.row(|| sqlx::query(select).bind(kind).bind(id)).await?;
    row.map(|row| read_position(&mut Columns::of(&row))).transpose()
}

/// How far several open streams are.
pub(super) const POSITIONS: &str = "
SELECT j.number, s.epoch, s.head
FROM unnest($1::smallint[], $2::bigint[]) WITH ORDINALITY AS j (kind, id, number)
JOIN streams AS s ON s.kind = j.kind AND s.id = j.id AND NOT s.closed";

/// How far several open streams are, in their order.
pub(super) async fn positions(on: &Link, streams: &[StreamKey]) -> sqlx::Result<Vec<Option<Position>>> {
    let (kinds, ids) = keys(streams);
    let mut positions = vec![None; streams.len()];
    for row in on.rows(|| sqlx::query(POSITIONS).bind(&kinds).bind(&ids)).await? {
        let mut columns = Columns::of(&row);
        // They are counted from one.
        let number: usize = columns.number()?;
        positions[number - 1] = Some(read_position(&mut columns)?);
    }
    Ok(positions)
}

/// Locks the rows of these streams in an order that is the same for everybody, so that no two transactions wait for each
/// other; and names the transaction.
pub(super) const LOCK: &str = "
SELECT pg_current_xact_id()::text::bigint, s.kind, s.id, s.head
FROM (SELECT 1) AS one LEFT JOIN LATERAL (
    SELECT t.kind, t.id, t.head FROM streams AS t
    WHERE (t.id, t.kind) IN (SELECT j.id, j.kind FROM unnest($1::smallint[], $2::bigint[]) AS j (kind, id))
      AND NOT t.closed
    ORDER BY t.id, t.kind FOR UPDATE
) AS s ON TRUE";

/// The heads of locked streams, by kind and id.
pub(super) type Heads = HashMap<(i16, i64), u64>;

/// Locks streams, those that exist. The number is the transaction's.
pub(super) async fn lock(on: &mut PgConnection, streams: &[StreamKey]) -> sqlx::Result<(i64, Heads)> {
    let (kinds, ids) = keys(streams);
    let mut heads = HashMap::new();
    let mut transaction = 0;
    for row in sqlx::query(LOCK).bind(kinds).bind(ids).fetch_all(on).await? {
        let mut columns = Columns::of(&row);
        transaction = columns.get()?;
        if !columns.is_null()? {
            heads.insert((columns.get()?, columns.get()?), columns.id()?);
        }
    }
    Ok((transaction, heads))
}

fn keys(streams: &[StreamKey]) -> (Vec<i16>, Vec<i64>) {
    streams.iter().map(|stream| (codec::kind(*stream), codec::id(stream.id))).unzip()
}

/// Appends one event. `None`: there is no such stream.
pub(super) async fn append(on: &mut PgConnection, event: &NewEvent) -> sqlx::Result<Option<Position>> {
    let (kind, id) = (codec::kind(event.stream), codec::id(event.stream.id));
    // A channel's head belongs to its log.
    if kind == codec::CHANNEL {
        return Ok(None);
    }
    // A user who is gone is told nothing any more; a guild's stream tells of its own end.
    let head = "UPDATE streams SET head = head + 1
                WHERE kind = $1 AND id = $2 AND (kind <> 3 OR NOT closed) RETURNING epoch, head";
    let head = sqlx::query(head);
    let Some(row) = head.bind(kind).bind(id).fetch_optional(&mut *on).await? else { return Ok(None) };
    let position = read_position(&mut Columns::of(&row))?;
    let insert =
        "INSERT INTO events (kind, stream_id, seq, actor_id, time_ms, payload) VALUES ($1, $2, $3, $4, $5, $6)";
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
pub(super) async fn events(on: &Link, stream: StreamKey, after: u64, limit: usize) -> sqlx::Result<Vec<EventRow>> {
    let select = "SELECT seq, actor_id, time_ms, payload FROM events
                  WHERE kind = $1 AND stream_id = $2 AND seq > $3 ORDER BY seq LIMIT $4";
    let (kind, id) = (codec::kind(stream), codec::id(stream.id));
    let (after, limit) = (codec::bound(after), codec::limit(limit));
    let rows = on.rows(|| sqlx::query(select).bind(kind).bind(id).bind(after).bind(limit)).await?;
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
