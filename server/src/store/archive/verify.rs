//! Whether both ends hold the same: rows are counted and digested table by table, streams one by one. The target's
//! streams are read through the very traits that a server reads them through.

use futures_util::{StreamExt, stream};
use guildhall_proto::ids::{StreamKey, StreamKind};
use sha2::{Digest, Sha256};

use super::{
    CHANNELS_MAX, Channel, Gauge, MoveError, NOT_COPIED, PAGE_ROWS, Row, STREAMS, Side, Summary, Table, Value, copy,
    patiently, source, target,
};
use crate::store::log::Change;
use crate::store::{Record, Result, Store};

/// Differences that are named one by one.
const NAMED_MAX: usize = 100;

/// Something that was counted and digested at both ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub name: String,
    /// How many there are in the source.
    pub source: u64,
    /// How many there are in the target.
    pub target: u64,
    /// Whether the digests are the same.
    pub same: bool,
}

/// How many, and a digest of all.
type Sum = (u64, Vec<u8>);

impl Line {
    fn new(name: &str, source: &Sum, target: &Sum) -> Self {
        Self { name: name.to_owned(), source: source.0, target: target.0, same: source.1 == target.1 }
    }

    /// Whether both ends hold the same.
    pub fn is_equal(&self) -> bool {
        self.source == self.target && self.same
    }
}

/// Compares both ends.
pub(super) async fn compare(
    from: &mut Side,
    to: &mut Side,
    tables: &[Table],
    channels: &[Channel],
    gauge: &Gauge,
) -> std::result::Result<Summary, MoveError> {
    let mut summary = Summary { lines: Vec::new(), streams: 0, different: Vec::new() };
    let mut streams = Vec::new();
    for table in tables {
        gauge.begin("comparing tables", 0);
        let left = sum_of_table(from, table, &mut streams, gauge).await.map_err(source)?;
        let right = sum_of_table(to, table, &mut Vec::new(), gauge).await.map_err(target)?;
        summary.lines.push(Line::new(&table.name, &left, &right));
    }
    gauge.begin("comparing messages", channels.iter().map(|channel| channel.head).sum());
    let channels = channels.iter().map(|channel| key(StreamKind::Channel, channel.id.into()));
    compare_streams(from, to, channels.collect(), ("events of channels", gauge), &mut summary).await?;
    gauge.begin("comparing events", 0);
    compare_streams(from, to, streams, ("events of guilds and users", gauge), &mut summary).await?;
    Ok(summary)
}

fn key(kind: StreamKind, id: u64) -> StreamKey {
    StreamKey { kind, id }
}

/// Also finds the streams of guilds and users, on its way.
async fn sum_of_table(side: &mut Side, table: &Table, streams: &mut Vec<StreamKey>, gauge: &Gauge) -> Result<Sum> {
    let own = side.tables.tables(NOT_COPIED).await?;
    let own = own.iter().find(|other| other.name == table.name).unwrap_or(table);
    let mut digest = Sha256::new();
    let (mut count, mut last): (u64, Option<Row>) = (0, None);
    loop {
        let rows = side.tables.rows(own, last.as_ref(), PAGE_ROWS).await?;
        let Some(end) = rows.last() else { return Ok((count, digest.finalize().to_vec())) };
        last = Some(end.clone());
        for row in copy::comparable(own, rows)? {
            digest.update(format!("{row:?}"));
            count += 1;
            gauge.add(1);
            if table.name == STREAMS {
                streams.extend(stream(own, &row));
            }
        }
    }
}

/// The stream of a guild or a user that something happened in.
fn stream(table: &Table, row: &Row) -> Option<StreamKey> {
    let number = |name: &str| match table.column(name).and_then(|at| row.get(at)) {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    };
    let kind = match number("kind")? {
        2 => StreamKind::Guild,
        3 => StreamKind::User,
        _ => return None,
    };
    (number("head")? > 0).then_some(key(kind, number("id")?.cast_unsigned()))
}

async fn compare_streams(
    from: &Side,
    to: &Side,
    streams: Vec<StreamKey>,
    (name, gauge): (&str, &Gauge),
    summary: &mut Summary,
) -> std::result::Result<(), MoveError> {
    let mut line = Line { name: name.to_owned(), source: 0, target: 0, same: true };
    let both = streams.into_iter().map(|stream| async move {
        let left = patiently(async || (sum_of_stream(&from.store, stream, gauge).await.map_err(source), false));
        let none = Gauge::default();
        let right = patiently(async || (sum_of_stream(&to.store, stream, &none).await.map_err(target), false));
        let (left, right) = tokio::try_join!(left, right)?;
        Ok((stream, left, right))
    });
    let mut sums = stream::iter(both).buffer_unordered(CHANNELS_MAX);
    while let Some(sum) = sums.next().await {
        let (stream, left, right) = sum?;
        summary.streams += 1;
        line.source += left.0;
        line.target += right.0;
        if left != right {
            line.same = false;
            if summary.different.len() < NAMED_MAX {
                summary.different.push(format!("{:?} {}", stream.kind, stream.id));
            }
        }
    }
    summary.lines.push(line);
    Ok(())
}

/// Its epoch, its head and all that stands in it.
async fn sum_of_stream(store: &Store, stream: StreamKey, gauge: &Gauge) -> Result<Sum> {
    let position = match stream.kind {
        StreamKind::Channel => store.log.position(stream.id.into()).await?,
        StreamKind::Guild | StreamKind::User => store.metadata.stream_position(stream).await?,
    };
    let mut digest = Sha256::new();
    digest.update(format!("{position:?}"));
    let mut count = 0;
    loop {
        let page = page(store, stream, count).await?;
        if page.is_empty() {
            return Ok((count, digest.finalize().to_vec()));
        }
        count += page.len() as u64;
        gauge.add(page.len());
        page.iter().for_each(|line| digest.update(line));
    }
}

/// Each as a text that has everything that it has: whatever a record gets one day is compared, too.
async fn page(store: &Store, stream: StreamKey, after: u64) -> Result<Vec<String>> {
    Ok(match stream.kind {
        StreamKind::Channel => {
            let records = store.log.read(stream.id.into(), after, PAGE_ROWS).await?;
            records.into_iter().map(|record| format!("{:?}", without_rights(record))).collect()
        }
        StreamKind::Guild | StreamKind::User => {
            let events = store.metadata.stream_events(stream, after, PAGE_ROWS).await?;
            events.iter().map(|event| format!("{event:?}")).collect()
        }
    })
}

/// The seq of rights that a message bears follows from the entries, which have it; messages of the first versions have
/// only that.
fn without_rights(mut record: Record) -> Record {
    if let Change::Created(row) | Change::Edited(row) = &mut record.change {
        row.guild_seq = 0;
    }
    record
}
