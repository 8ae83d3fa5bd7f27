//! What lies in tables: which there are, whether the target may be written to, and the rows.

use guildhall_proto::ids::ChannelId;
use sha2::{Digest, Sha256};

use super::{
    Channel, Gauge, Mark, MoveError, NOT_COPIED, PAGE_ROWS, Row, SETUP, STREAMS, Side, Table, Value, source, target,
};
use crate::store::{Error, Result};

/// A row of `streams`.
struct Stream {
    id: u64,
    is_channel: bool,
    epoch: u64,
    head: u64,
    closed: bool,
}

/// The number of a channel's stream in `streams.kind`.
const CHANNEL: i64 = 1;

/// A digest of where all streams are, which changes with every event; and the channels. Those that were deleted, and
/// whose rows are still to be erased, are left behind.
pub(super) async fn picture(from: &mut Side) -> std::result::Result<(Vec<u8>, Vec<Channel>), MoveError> {
    let tables = from.tables.tables(NOT_COPIED).await.map_err(source)?;
    let table = tables.iter().find(|table| table.name == STREAMS);
    let table = table.ok_or_else(|| MoveError::Schema(STREAMS.to_owned()))?;
    let mut digest = Sha256::new();
    let mut channels = Vec::new();
    let mut last: Option<Row> = None;
    loop {
        let rows = from.tables.rows(table, last.as_ref(), PAGE_ROWS).await.map_err(source)?;
        let streams: Vec<Stream> = rows.iter().map(|row| stream(table, row)).collect::<Result<_>>().map_err(source)?;
        let open: Vec<&Stream> = streams.iter().filter(|stream| !stream.closed).collect();
        let ids: Vec<ChannelId> =
            open.iter().filter(|stream| stream.is_channel).map(|stream| stream.id.into()).collect();
        // The log's word, for with Cassandra the table does not know how far a channel is.
        let mut positions = from.store.log.positions(&ids).await.map_err(source)?.into_iter();
        for stream in open {
            let position = if stream.is_channel { positions.next().flatten() } else { None };
            let head = position.map_or(stream.head, |position| position.seq);
            for number in [stream.id, u64::from(stream.is_channel), stream.epoch, head] {
                digest.update(number.to_be_bytes());
            }
            if stream.is_channel {
                channels.push(Channel { id: stream.id.into(), head });
            }
        }
        last = rows.into_iter().next_back();
        if last.is_none() {
            return Ok((digest.finalize().to_vec(), channels));
        }
    }
}

fn stream(table: &Table, row: &Row) -> Result<Stream> {
    let number = |name: &str| match table.column(name).and_then(|at| row.get(at)) {
        Some(Value::Number(number)) => Ok(*number),
        _ => Err(Error::Corrupt(format!("a stream without {name}"))),
    };
    Ok(Stream {
        id: number("id")?.cast_unsigned(),
        is_channel: number("kind")? == CHANNEL,
        epoch: number("epoch")?.cast_unsigned(),
        head: number("head")?.cast_unsigned(),
        closed: number("closed")? != 0,
    })
}

/// The tables that are copied. What the target does not have in the same shape cannot be moved.
pub(super) async fn common(from: &mut Side, to: &mut Side) -> std::result::Result<Vec<Table>, MoveError> {
    let mut tables = from.tables.tables(NOT_COPIED).await.map_err(source)?;
    let there = to.tables.tables(NOT_COPIED).await.map_err(target)?;
    for table in &mut tables {
        let same = there.iter().find(|other| {
            let names = |table: &Table| table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
            other.name == table.name && names(other) == names(table)
        });
        same.ok_or_else(|| MoveError::Schema(table.name.clone()))?;
    }
    Ok(tables)
}

/// Marks a target that is empty, or finds this very move's mark on it.
pub(super) async fn claim(to: &mut Side, tables: &[Table], mark: &Mark) -> std::result::Result<(), MoveError> {
    match to.tables.mark().await.map_err(target)? {
        Some(found) if found == *mark => return Ok(()),
        Some(_) => return Err(MoveError::OtherMove),
        None => {}
    }
    for table in tables.iter().filter(|table| table.name != SETUP) {
        if to.tables.count(table).await.map_err(target)? > 0 {
            return Err(MoveError::Foreign(format!("there are rows in {}", table.name)));
        }
    }
    if !to.keyspace_is_empty {
        return Err(MoveError::Foreign(format!("there are messages in the keyspace {}", to.keyspace)));
    }
    to.tables.set_mark(Some(mark)).await.map_err(target)
}

/// Copies a table. What an earlier try has written may be out of date (a login leaves no event), so it is written anew;
/// but streams have their places since, and did not change, or this were another move.
pub(super) async fn table(
    from: &mut Side,
    to: &mut Side,
    table: &Table,
    gauge: &Gauge,
) -> std::result::Result<(), MoveError> {
    gauge.begin("copying tables", from.tables.count(table).await.map_err(source)?);
    let there = to.tables.tables(NOT_COPIED).await.map_err(target)?;
    // Its own word on which columns hold what.
    let own = there.iter().find(|other| other.name == table.name).unwrap_or(table);
    if table.name != STREAMS {
        to.tables.clear(own).await.map_err(target)?;
    }
    let mut last: Option<Row> = None;
    loop {
        let mut rows = from.tables.rows(table, last.as_ref(), PAGE_ROWS).await.map_err(source)?;
        let Some(end) = rows.last() else { return Ok(()) };
        last = Some(end.clone());
        gauge.add(rows.len());
        if table.name == STREAMS {
            rows = begin_channels(table, rows).map_err(source)?;
        }
        to.tables.add(own, &rows).await.map_err(target)?;
    }
}

/// Streams as they are in the target at first: channels have no entries yet, and those that were deleted are no more.
fn begin_channels(table: &Table, rows: Vec<Row>) -> Result<Vec<Row>> {
    let mut begun = Vec::with_capacity(rows.len());
    for mut row in rows {
        let stream = stream(table, &row)?;
        if stream.is_channel && stream.closed {
            continue;
        }
        if let (true, Some(head)) = (stream.is_channel, table.column("head")) {
            row[head] = Value::Number(0);
        }
        begun.push(row);
    }
    Ok(begun)
}

/// The same rows, but without what differs from engine to engine by design: for comparing.
pub(super) fn comparable(table: &Table, rows: Vec<Row>) -> Result<Vec<Row>> {
    if table.name == STREAMS { begin_channels(table, rows) } else { Ok(rows) }
}
