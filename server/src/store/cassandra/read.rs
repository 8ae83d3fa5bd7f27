//! Reading the log: what happened, with the messages as they are now.

use std::collections::HashMap;

use guildhall_proto::ids::ChannelId;
use scylla::DeserializeRow;

use super::codec::{self, Meta, Value, What};
use super::known::Known;
use super::states::State;
use super::tip::CLOSED;
use super::{Engine, failure};
use crate::store::log::Change;
use crate::store::{Record, Result};

/// Rows in one select.
const ROWS_MAX: usize = 1_000;

/// A row of the log, without its text. The statics come along with every row.
#[derive(DeserializeRow)]
pub(super) struct Read {
    pub(super) head: Option<i64>,
    pub(super) applied: Option<i64>,
    pub(super) seq: Option<i64>,
    pub(super) kind: Option<i8>,
    pub(super) body: Option<Vec<u8>>,
}

/// A row that is whole.
struct Line {
    seq: i64,
    applied: i64,
    meta: Meta,
}

impl Engine {
    /// See `ChannelLog::read`.
    pub(super) async fn records(&self, channel: ChannelId, after: u64, limit: usize) -> Result<Vec<Record>> {
        let Some(known) = self.known(channel).await? else { return Ok(Vec::new()) };
        let Ok(after) = i64::try_from(after) else { return Ok(Vec::new()) };
        if after == i64::MAX || limit == 0 {
            return Ok(Vec::new());
        }
        let lines = self.lines(channel, after, limit).await?;
        let states = self.shown(channel, known, &lines).await?;
        lines.into_iter().map(|line| record(line, &states)).collect()
    }

    /// Rows after a seq, without a hole; none if the channel is closed.
    async fn lines(&self, channel: ChannelId, after: i64, limit: usize) -> Result<Vec<Line>> {
        let mut lines: Vec<Line> = Vec::new();
        let mut last = after;
        while lines.len() < limit {
            let bucket = self.buckets.holding(last + 1);
            let asked = (limit - lines.len()).min(ROWS_MAX);
            let values: [Value; 4] =
                [codec::id(channel).into(), bucket.into(), last.into(), codec::limit(asked).into()];
            let rows: Vec<Read> = self.rows(&self.statements.read, values).await?;
            let count = rows.len();
            for row in rows {
                if row.head == Some(CLOSED) {
                    self.channels.forget(channel);
                    return Ok(Vec::new());
                }
                let (Some(seq), Some(kind), Some(body)) = (row.seq, row.kind, row.body) else { return Ok(lines) };
                // A hole can only be a read that came too early; what is behind it is read the next time.
                if seq != last + 1 {
                    return Ok(lines);
                }
                last = seq;
                lines.push(Line { seq, applied: row.applied.unwrap_or(0), meta: codec::meta(kind, &body)? });
            }
            if count < asked && last < self.buckets.last(bucket) {
                break;
            }
        }
        Ok(lines)
    }

    /// The messages that rows are about, no older than those rows.
    async fn shown(&self, channel: ChannelId, known: Known, lines: &[Line]) -> Result<HashMap<i64, State>> {
        let Some(last) = lines.last() else { return Ok(HashMap::new()) };
        let before = self.buckets.before(self.buckets.holding(last.seq));
        let sure = known.seen.max(known.applied).max(last.applied).max(before);
        let wanted = || {
            let shown = lines.iter().filter(|line| line.seq > sure || !matches!(line.meta.what, What::Deleted(_)));
            shown.map(Line::message)
        };
        let states = self.states(channel, wanted()).await?;
        let is_old =
            |line: &&Line| states.get(&line.message()).is_none_or(|state| !state.shows(line.message(), line.seq));
        let unsure = || lines.iter().filter(|line| line.seq > sure);
        if !unsure().any(|line| is_old(&line)) {
            // What stands between was not looked at.
            if lines.first().is_some_and(|first| first.seq <= sure + 1) {
                self.channels.learn(channel, |known| known.seen = known.seen.max(last.seq));
            }
            return Ok(states);
        }
        // Whoever appended these has not written them out, and may be dead. All between is written out, for rows before
        // the first of these may be of the same append.
        self.reapply(channel, sure.max(last.applied), last.seq).await?;
        self.states(channel, wanted()).await
    }
}

impl Line {
    fn message(&self) -> i64 {
        match self.meta.what {
            What::Created { .. } => self.seq,
            What::Edited(id) | What::Deleted(id) => codec::bound(id),
        }
    }
}

fn record(line: Line, states: &HashMap<i64, State>) -> Result<Record> {
    let message = line.message();
    let row = || states.get(&message).and_then(|state| state.message.clone());
    let change = match line.meta.what {
        What::Created { .. } => {
            let missing = || failure::unreadable(format!("message {message} is in the log alone"));
            Change::Created(row().ok_or_else(missing)?)
        }
        // An edit of nothing, which the sequencer refuses, must not make the log unreadable.
        What::Edited(id) => row().map_or(Change::Deleted(id.into()), Change::Edited),
        What::Deleted(id) => Change::Deleted(id.into()),
    };
    Ok(Record {
        seq: line.seq.cast_unsigned(),
        actor: line.meta.actor.into(),
        time_ms: line.meta.time_ms,
        guild_seq: line.meta.guild_seq,
        change,
    })
}
