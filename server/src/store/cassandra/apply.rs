//! Writing out what the log says: messages as they are now, and their nonces. Each write bears its entry's seq as time,
//! so it may be done again, by anybody, in any order, and the later entry wins.

use std::collections::{BTreeMap, HashMap, HashSet};

use guildhall_proto::ids::ChannelId;
use tokio::time::Instant;

use super::Engine;
use super::bucket::stamp;
use super::codec::{self, LogRow, Value, What};
use super::nonces::slot;
use super::run::{PATIENCE, Writes};
use crate::store::{Error, Result};

impl Engine {
    /// Writes out rows of the log. All of it is done when this returns.
    pub(super) async fn apply(&self, channel: ChannelId, rows: &[LogRow], until: Instant) -> Result<()> {
        let mut nonces: BTreeMap<i32, Writes> = BTreeMap::new();
        let mut messages: BTreeMap<i32, Writes> = BTreeMap::new();
        let mut changed: HashMap<i64, i64> = HashMap::new();
        for row in rows {
            let meta = row.meta()?;
            let message = row.message(&meta);
            let writes = messages.entry(self.buckets.holding(message)).or_default();
            self.apply_message(channel, row, &meta, writes)?;
            match meta.what {
                What::Created { nonce, .. } => {
                    let slot = slot(nonce);
                    let values: [Value; 6] = [
                        stamp(self.generation, row.seq).into(),
                        row.seq.into(),
                        codec::id(channel).into(),
                        slot.into(),
                        codec::id(meta.actor).into(),
                        nonce.into(),
                    ];
                    nonces.entry(slot).or_default().push(&self.statements.nonce, values);
                }
                What::Edited(_) | What::Deleted(_) => {
                    changed.insert(message, row.seq);
                }
            }
        }
        self.write_all(nonces.into_values().chain(messages.into_values()), until).await?;
        if !changed.is_empty() {
            self.erase_texts(channel, changed, until).await?;
        }
        Ok(())
    }

    fn apply_message(&self, channel: ChannelId, row: &LogRow, meta: &codec::Meta, writes: &mut Writes) -> Result<()> {
        let message = row.message(meta);
        let time: Value = stamp(self.generation, row.seq).into();
        let bucket = self.buckets.holding(message);
        let (time_ms, guild_seq) = (codec::bound(meta.time_ms), codec::bound(meta.guild_seq));
        let channel = codec::id(channel);
        match meta.what {
            What::Created { .. } => {
                let made = row.body.as_slice();
                match row.created()? {
                    Some((digest, text)) => {
                        let (made, text, digest) = (made.into(), text.into(), digest.into());
                        let values: [Value; 7] =
                            [time, made, text, digest, channel.into(), bucket.into(), message.into()];
                        writes.push(&self.statements.create, values);
                    }
                    // A text that is gone was written out before, and overwritten by what came later. The digest still
                    // stands there: nothing in its place, at its very time, would take it away.
                    None => {
                        let values: [Value; 5] = [time, made.into(), channel.into(), bucket.into(), message.into()];
                        writes.push(&self.statements.create_again, values);
                    }
                }
            }
            What::Edited(_) => {
                let text = row.edited()?.unwrap_or_default();
                let texts: &[i64] = &[row.seq];
                let values: [Value; 9] = [
                    time,
                    text.into(),
                    time_ms.into(),
                    row.seq.into(),
                    guild_seq.into(),
                    texts.into(),
                    channel.into(),
                    bucket.into(),
                    message.into(),
                ];
                writes.push(&self.statements.edit, values);
            }
            What::Deleted(_) => {
                let values: [Value; 6] =
                    [time, time_ms.into(), row.seq.into(), channel.into(), bucket.into(), message.into()];
                writes.push(&self.statements.delete, values);
            }
        }
        Ok(())
    }

    /// Erases from the log the texts that were replaced or removed by changes which are written out: of each of these
    /// messages, what stands before its last change, or everything once it is deleted. Whoever changed it at the same
    /// time did so too, and the later look sees both.
    async fn erase_texts(&self, channel: ChannelId, changed: HashMap<i64, i64>, until: Instant) -> Result<()> {
        let mut erase: HashSet<i64> = HashSet::new();
        let mut gone: BTreeMap<i32, Writes> = BTreeMap::new();
        for (bucket, ids) in self.by_bucket(changed.keys().copied()) {
            let values = [codec::id(channel).into(), bucket.into(), Value::list(&ids)];
            let rows: Vec<(i64, Option<Vec<i64>>, Option<i64>)> = self.rows(&self.statements.texts, values).await?;
            for (id, texts, delete_ms) in rows {
                let texts = texts.unwrap_or_default();
                let last = texts.iter().copied().chain(changed.get(&id).copied()).max().unwrap_or(0);
                let old: Vec<i64> = texts.into_iter().filter(|seq| delete_ms.is_some() || *seq < last).collect();
                if let Some(newest) = old.iter().max() {
                    let time = stamp(self.generation, *newest);
                    let values: [Value; 5] =
                        [time.into(), old.as_slice().into(), codec::id(channel).into(), bucket.into(), id.into()];
                    gone.entry(bucket).or_default().push(&self.statements.texts_gone, values);
                }
                erase.insert(id);
                erase.extend(old);
            }
        }
        for (bucket, seqs) in self.by_bucket(erase) {
            self.erase_secrets(channel, bucket, &seqs, until).await?;
        }
        self.write_all(gone.into_values(), until).await
    }

    /// Each cell is erased at the very time that it was written at: it can hit nothing else, whatever the clocks say. So
    /// this needs no condition.
    async fn erase_secrets(&self, channel: ChannelId, bucket: i32, seqs: &[i64], until: Instant) -> Result<()> {
        let at = [codec::id(channel).into(), bucket.into(), Value::list(seqs)];
        let times: Vec<(i64, Option<i64>)> = self.rows(&self.statements.secret_times, at).await?;
        let mut writes = Writes::default();
        for (seq, time) in times.into_iter().filter_map(|(seq, time)| Some((seq, time?))) {
            let values: [Value; 4] = [time.into(), codec::id(channel).into(), bucket.into(), seq.into()];
            writes.push(&self.statements.erase_secret, values);
        }
        if writes.is_empty() { Ok(()) } else { self.write(&writes, until).await }
    }

    /// Writes out again what stands after `from` up to `to`, which is at most the last append: each append sees to what
    /// is before it.
    pub(super) async fn reapply(&self, channel: ChannelId, from: i64, to: i64) -> Result<()> {
        let rows = self.log_rows(channel, from, to).await?;
        self.apply(channel, &rows, Instant::now() + PATIENCE).await?;
        self.channels.learn(channel, |known| {
            known.applied = known.applied.max(to);
            known.seen = known.seen.max(to);
        });
        Ok(())
    }

    /// Makes sure that the state shows everything up to `to`. What is there already is not written again.
    pub(super) async fn see(&self, channel: ChannelId, from: i64, to: i64) -> Result<()> {
        let rows = self.log_rows(channel, from, to).await?;
        let messages: Vec<i64> = rows.iter().map(|row| Ok(row.message(&row.meta()?))).collect::<Result<_>>()?;
        let states = self.states(channel, messages.iter().copied()).await?;
        let is_seen = |(row, message): (&LogRow, &i64)| {
            let past = *message > to || *message <= 0;
            past || states.get(message).is_some_and(|state| state.shows(*message, row.seq))
        };
        if !rows.iter().zip(&messages).all(is_seen) {
            return self.reapply(channel, from, to).await;
        }
        self.channels.learn(channel, |known| known.seen = known.seen.max(to));
        Ok(())
    }

    /// All rows after `from` up to `to`, with their texts.
    async fn log_rows(&self, channel: ChannelId, from: i64, to: i64) -> Result<Vec<LogRow>> {
        let mut rows = Vec::new();
        for bucket in self.buckets.holding(from + 1)..=self.buckets.holding(to) {
            let values = [codec::id(channel).into(), bucket.into(), from.into(), to.into()];
            rows.extend(self.rows::<LogRow>(&self.statements.read_secrets, values).await?);
        }
        if rows.len() as i64 == to - from {
            return Ok(rows);
        }
        let missing = format!("{} of the entries {from} to {to} could be read", rows.len());
        Err(Error::Unavailable(missing.into()))
    }
}
