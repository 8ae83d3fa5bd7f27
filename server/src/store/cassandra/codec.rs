//! How values of the rooms above look in the tables, and back. No statement and no decision is in here.

use scylla::DeserializeRow;
use scylla::serialize::SerializationError;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;
use scylla::value::CqlValue;
use uuid::Uuid;

use super::failure;
use crate::store::{Body, Entry, Result};

/// `log.kind`.
pub(super) const CREATED: i8 = 1;
/// `log.kind`.
pub(super) const EDITED: i8 = 2;
/// `log.kind`.
pub(super) const DELETED: i8 = 3;

/// The first byte of a body. Another layout gets another number.
const LAYOUT: u8 = 2;
/// The layout before, which did not have the time of the newest nonce.
const LAYOUT_WITHOUT_NONCES: u8 = 1;
/// Layout, actor, time, guild's seq, mark, time of the newest nonce.
const HEAD_BYTES: usize = 1 + 5 * 8;

/// What all rows of one append have in common.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    /// Tells them from those of any other.
    pub(super) random: u64,
    /// No nonce of a message up to the last of them bears a later time.
    pub(super) nonces_ms: i64,
}

/// The values of one statement.
pub(super) struct Values(Vec<Option<CqlValue>>);

impl<const N: usize> From<[Value; N]> for Values {
    fn from(values: [Value; N]) -> Self {
        Self(values.into_iter().map(|value| value.0).collect())
    }
}

impl SerializeRow for Values {
    fn serialize(
        &self,
        ctx: &RowSerializationContext<'_>,
        writer: &mut RowWriter,
    ) -> std::result::Result<(), SerializationError> {
        self.0.serialize(ctx, writer)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One value of a statement.
pub(super) struct Value(Option<CqlValue>);

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self(Some(CqlValue::BigInt(value)))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self(value.map(CqlValue::BigInt))
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self(Some(CqlValue::Int(value)))
    }
}

impl From<i8> for Value {
    fn from(value: i8) -> Self {
        Self(Some(CqlValue::TinyInt(value)))
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self(Some(CqlValue::Blob(value.to_vec())))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self(Some(CqlValue::Text(value.to_owned())))
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self(Some(CqlValue::Uuid(value)))
    }
}

/// A set of seqs.
impl From<&[i64]> for Value {
    fn from(seqs: &[i64]) -> Self {
        Self(Some(CqlValue::Set(seqs.iter().copied().map(CqlValue::BigInt).collect())))
    }
}

impl Value {
    /// Several seqs or ids, for `IN`.
    pub(super) fn list(values: &[i64]) -> Self {
        Self(Some(CqlValue::List(values.iter().copied().map(CqlValue::BigInt).collect())))
    }

    /// Several authors with their nonces, for `IN`.
    pub(super) fn nonces(values: &[(i64, Uuid)]) -> Self {
        let pair = |(author, nonce): &(i64, Uuid)| {
            CqlValue::Tuple(vec![Some(CqlValue::BigInt(*author)), Some(CqlValue::Uuid(*nonce))])
        };
        Self(Some(CqlValue::List(values.iter().map(pair).collect())))
    }
}

/// The same 64 bits, signed. Right for equality; `bound` is for what is compared by size.
pub(super) fn id(value: impl Into<u64>) -> i64 {
    value.into().cast_signed()
}

/// A value that is ordered. What no column can hold means the largest that one can.
pub(super) fn bound(value: impl Into<u64>) -> i64 {
    i64::try_from(value.into()).unwrap_or(i64::MAX)
}

/// A number of rows.
pub(super) fn limit(rows: usize) -> i32 {
    i32::try_from(rows).unwrap_or(i32::MAX)
}

/// What stands in the log beside the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    /// Who did it.
    pub(super) actor: u64,
    /// When.
    pub(super) time_ms: u64,
    /// The seq of the guild's stream under which it was allowed.
    pub(super) guild_seq: u64,
    /// Tells the rows of one append from those of any other.
    pub(super) mark: u64,
    /// No nonce of a message up to the end of this append bears a later time; nothing: that is not known.
    pub(super) nonces_ms: Option<i64>,
    /// What was done.
    pub(super) what: What,
}

/// What an entry does, without text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A message was made.
    Created {
        /// The nonce that it was sent with.
        nonce: Uuid,
        /// The message that it answers.
        reply_to: Option<u64>,
    },
    /// This message was edited.
    Edited(u64),
    /// This message was deleted.
    Deleted(u64),
}

/// A row of the log.
#[derive(DeserializeRow)]
pub(super) struct LogRow {
    /// Its position.
    pub(super) seq: i64,
    /// What was done.
    pub(super) kind: i8,
    /// `Meta`, encoded.
    pub(super) body: Vec<u8>,
    /// The text, before it the digest of a create. Gone once a later change of the message was written out.
    pub(super) secret: Option<Vec<u8>>,
}

impl LogRow {
    /// What an entry is at this position.
    pub(super) fn new(seq: i64, entry: &Entry, mark: Mark) -> Self {
        let mut body = Vec::with_capacity(HEAD_BYTES + 24);
        body.push(LAYOUT);
        let nonces_ms = mark.nonces_ms.cast_unsigned();
        for number in [entry.actor.into(), entry.time_ms, entry.guild_seq, mark.random, nonces_ms] {
            body.extend(number.to_be_bytes());
        }
        let (kind, secret) = match &entry.body {
            Body::Create { nonce, fingerprint, content, reply_to } => {
                body.extend(nonce.as_bytes());
                body.extend(reply_to.iter().flat_map(|id| u64::from(*id).to_be_bytes()));
                (CREATED, Some([&fingerprint.to_be_bytes(), content.as_bytes()].concat()))
            }
            Body::Edit { message, content } => {
                body.extend(u64::from(*message).to_be_bytes());
                (EDITED, Some(content.as_bytes().to_vec()))
            }
            Body::Delete { message } => {
                body.extend(u64::from(*message).to_be_bytes());
                (DELETED, None)
            }
        };
        Self { seq, kind, body, secret }
    }

    /// How much it weighs.
    pub(super) fn bytes(&self) -> usize {
        self.body.len() + self.secret.as_ref().map_or(0, Vec::len)
    }

    /// What its body says.
    pub(super) fn meta(&self) -> Result<Meta> {
        meta(self.kind, &self.body)
    }

    /// The message that it is about.
    pub(super) fn message(&self, meta: &Meta) -> i64 {
        match meta.what {
            What::Created { .. } => self.seq,
            What::Edited(id) | What::Deleted(id) => bound(id),
        }
    }

    /// The digest and the text of a create; nothing if they were erased.
    pub(super) fn created(&self) -> Result<Option<(i64, &str)>> {
        let Some(secret) = &self.secret else { return Ok(None) };
        let (digest, text) = secret.split_first_chunk().ok_or_else(|| failure::unreadable("a text without digest"))?;
        Ok(Some((i64::from_be_bytes(*digest), text_of(text)?)))
    }

    /// The text of an edit; nothing if it was erased.
    pub(super) fn edited(&self) -> Result<Option<&str>> {
        self.secret.as_deref().map(text_of).transpose()
    }
}

/// Reads a body.
pub(super) fn meta(kind: i8, body: &[u8]) -> Result<Meta> {
    let wrong = || failure::unreadable(format!("an entry of kind {kind} with {} bytes", body.len()));
    let (&layout, mut rest) = body.split_first().ok_or_else(wrong)?;
    if ![LAYOUT, LAYOUT_WITHOUT_NONCES].contains(&layout) {
        return Err(failure::unreadable(format!("an entry of layout {layout}")));
    }
    let mut number = || {
        let (bytes, after) = rest.split_first_chunk()?;
        rest = after;
        Some(u64::from_be_bytes(*bytes))
    };
    let mut next = || number().ok_or_else(wrong);
    let (actor, time_ms, guild_seq, mark) = (next()?, next()?, next()?, next()?);
    let nonces_ms = if layout == LAYOUT { Some(next()?.cast_signed()) } else { None };
    let what = match kind {
        CREATED => {
            let nonce = Uuid::from_u64_pair(next()?, next()?);
            What::Created { nonce, reply_to: number() }
        }
        EDITED => What::Edited(next()?),
        DELETED => What::Deleted(next()?),
        _ => return Err(wrong()),
    };
    Ok(Meta { actor, time_ms, guild_seq, mark, nonces_ms, what })
}

fn text_of(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(failure::unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_back() {
        let created = |reply_to: Option<u64>| Body::Create {
            nonce: Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10),
            fingerprint: u64::MAX - 1,
            content: "text".into(),
            reply_to: reply_to.map(Into::into),
        };
        let edited = Body::Edit { message: 7.into(), content: String::new() };
        for body in [created(None), created(Some(u64::MAX)), edited, Body::Delete { message: u64::MAX.into() }] {
            let entry = Entry { actor: u64::MAX.into(), time_ms: 1, guild_seq: 2, body };
            let row = LogRow::new(9, &entry, Mark { random: 3, nonces_ms: -4 });
            let meta = row.meta().unwrap();
            assert_eq!((meta.actor, meta.time_ms, meta.guild_seq, meta.mark), (u64::MAX, 1, 2, 3));
            assert_eq!(meta.nonces_ms, Some(-4));
            let before = [&[LAYOUT_WITHOUT_NONCES], &row.body[1..HEAD_BYTES - 8], &row.body[HEAD_BYTES..]].concat();
            let before = super::meta(row.kind, &before).unwrap();
            assert_eq!((before.nonces_ms, &before.what), (None, &meta.what));
            match (&entry.body, meta.what) {
                (Body::Create { nonce, reply_to, .. }, What::Created { nonce: read, reply_to: answered }) => {
                    assert_eq!((*nonce, reply_to.map(u64::from)), (read, answered));
                    assert_eq!(row.created().unwrap(), Some((-2, "text")));
                }
                (Body::Edit { .. }, What::Edited(7)) => assert_eq!(row.edited().unwrap(), Some("")),
                (Body::Delete { .. }, What::Deleted(u64::MAX)) => assert_eq!(row.secret, None),
                other => panic!("{other:?}"),
            }
        }
        assert!(meta(CREATED, &[]).is_err());
        assert!(meta(EDITED, &[LAYOUT; 9]).is_err());
    }
}
