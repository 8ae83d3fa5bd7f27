//! Nonces: which message each stands for. A row is written after the append that it belongs to, so what is found is true;
//! whoever decides by what is not found must have written out the log first.

use std::collections::{BTreeMap, HashMap};

use futures_util::{StreamExt, TryStreamExt, stream};
use guildhall_proto::ids::{ChannelId, UserId};
use uuid::{Uuid, Variant};

use super::codec::{self, Value};
use super::recents::{Recent, creates};
use super::states::READS_MAX;
use super::{Engine, failure};
use crate::store::{Body, Duplicate, Entry, MessageRow, Result, Sent};

/// Nonces in one select.
const NONCES_MAX: usize = 100;
/// A slot holds the nonces of a day.
const SLOT_MS: i64 = 24 * 3_600 * 1_000;
/// Slots for nonces that bear no time.
const TIMELESS_SLOTS: u8 = 16;

/// The partition of a nonce. It follows from the nonce alone, whether that tells the truth about its time or not; nonces
/// that were made on one day lie together, so an append reads one partition and writes one.
pub(super) fn slot(nonce: Uuid) -> i32 {
    match time_ms(nonce) {
        Some(time_ms) => i32::try_from(time_ms / SLOT_MS).unwrap_or(i32::MAX),
        None => -1 - i32::from(nonce.as_bytes()[0] % TIMELESS_SLOTS),
    }
}

/// The time that a nonce bears, if it bears one; whoever made it may have a wrong clock, or lie.
pub(super) fn time_ms(nonce: Uuid) -> Option<i64> {
    let bears = nonce.get_version_num() == 7 && nonce.get_variant() == Variant::RFC4122;
    bears.then(|| nonce.as_bytes()[..6].iter().fold(0, |time, byte| time << 8 | i64::from(*byte)))
}

impl Engine {
    /// The entries whose nonces stand for something already. Those that are known to be new are not looked up.
    pub(super) async fn duplicates(
        &self,
        channel: ChannelId,
        entries: &[Entry],
        recent: &Recent,
    ) -> Result<Vec<Duplicate>> {
        let asked = creates(entries).filter(|(author, nonce)| !recent.is_new(*author, *nonce));
        let found = self.find(channel, asked).await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let duplicate = |(index, entry): (usize, &Entry)| {
            let Body::Create { nonce, .. } = entry.body else { return None };
            let sent = *found.get(&(codec::id(entry.actor), nonce))?;
            Some(Duplicate { index, sent })
        };
        Ok(entries.iter().enumerate().filter_map(duplicate).collect())
    }

    /// What one nonce stands for, as far as it was written out.
    pub(super) async fn find_one(&self, channel: ChannelId, author: UserId, nonce: Uuid) -> Result<Option<Sent>> {
        let key = (codec::id(author), nonce);
        Ok(self.find(channel, [key]).await?.remove(&key))
    }

    async fn find(
        &self,
        channel: ChannelId,
        asked: impl IntoIterator<Item = (i64, Uuid)>,
    ) -> Result<HashMap<(i64, Uuid), Sent>> {
        let mut slots: BTreeMap<i32, Vec<(i64, Uuid)>> = BTreeMap::new();
        for key in asked {
            slots.entry(slot(key.1)).or_default().push(key);
        }
        let parts: Vec<_> = slots
            .iter()
            .flat_map(|(slot, keys)| keys.chunks(NONCES_MAX).map(|keys| (*slot, keys)))
            .map(|(slot, keys)| {
                let values = [codec::id(channel).into(), slot.into(), Value::nonces(keys)];
                self.rows::<(i64, Uuid, Option<i64>)>(&self.statements.nonces, values)
            })
            .collect();
        let found: Vec<Vec<_>> = stream::iter(parts).buffer_unordered(READS_MAX).try_collect().await?;
        let found: Vec<_> = found.into_iter().flatten().filter_map(|row| Some((row.0, row.1, row.2?))).collect();
        if found.is_empty() {
            return Ok(HashMap::new());
        }
        let mut states = self.states(channel, found.iter().map(|(.., seq)| *seq)).await?;
        let mut sent = HashMap::with_capacity(found.len());
        for (author, nonce, seq) in found {
            let message = states.get_mut(&seq).and_then(|state| state.message.take());
            // After a restore, a nonce may point to where now something else stands.
            if let Some(message) = message.filter(|row| row.nonce == nonce && codec::id(row.author) == author) {
                sent.insert((author, nonce), of(&message));
            }
        }
        Ok(sent)
    }

    /// What a nonce stands for, everything in the log considered.
    pub(super) async fn find_sent(&self, channel: ChannelId, author: UserId, nonce: Uuid) -> Result<Option<Sent>> {
        let Some(known) = self.known(channel).await? else { return Ok(None) };
        if let Some(sent) = self.find_one(channel, author, nonce).await? {
            return Ok(Some(sent));
        }
        let Some(tip) = self.tip(channel, known).await? else { return Ok(None) };
        let from = known.applied.max(tip.applied);
        if from >= tip.seq {
            return Ok(None);
        }
        self.reapply(channel, from, tip.seq).await?;
        self.find_one(channel, author, nonce).await
    }
}

fn of(message: &MessageRow) -> Sent {
    Sent { message: message.id, fingerprint: message.fingerprint, create_ms: message.create_ms }
}

/// The slot of a create's nonce, out of its body.
pub(super) fn slot_of_body(kind: i8, body: &[u8]) -> Result<Option<i32>> {
    match codec::meta(kind, body).map_err(failure::unreadable)?.what {
        codec::What::Created { nonce, .. } => Ok(Some(slot(nonce))),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_days_nonces_lie_together() {
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        assert!(slot(first) > 20_000 && slot(second) - slot(first) <= 1);
        for nonce in [Uuid::nil(), Uuid::max(), Uuid::new_v4()] {
            assert!((-16..0).contains(&slot(nonce)));
        }
        let far = Uuid::from_u128(0xffff_ffff_ffff_7000_8000_0000_0000_0000);
        assert_eq!(i64::from(slot(far)), (1_i64 << 48) / 86_400_000);
    }
}
