//! How values of the rooms above look in the database, and back. No statement and no decision is in here.

use std::borrow::Cow;

use guildhall_proto::ids::{StreamKey, StreamKind};
use sqlx::postgres::PgRow;
use sqlx::{Row, ValueRef};
use uuid::Uuid;

use crate::store::{MessageRow, Sent};

const ESCAPE: char = '\u{1}';

/// The number of a channel's stream in `streams.kind`; statements spell it out.
pub(super) const CHANNEL: i16 = 1;

/// The same 64 bits, signed. Right for equality; `bound` is for what is compared by size.
pub(super) fn id(value: impl Into<u64>) -> i64 {
    value.into().cast_signed()
}

/// Several of them, as one argument.
pub(super) fn ids<T: Copy + Into<u64>>(values: &[T]) -> Vec<i64> {
    values.iter().map(|value| id(*value)).collect()
}

/// A value that is ordered. What no column can hold means the largest that one can: "before the largest u64" is before
/// everything, and must not become "before -1".
pub(super) fn bound(value: impl Into<u64>) -> i64 {
    i64::try_from(value.into()).unwrap_or(i64::MAX)
}

/// A number of rows.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A text of which a column can hold everything: NUL, which none can, is written as U+0001 and `0`, and U+0001 twice.
/// Texts of messages have no NUL and are stored as they are.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.contains(['\0', ESCAPE]) {
        text.replace(ESCAPE, "\u{1}\u{1}").replace('\0', "\u{1}0").into()
    } else {
        text.into()
    }
}

/// The number of a stream's kind.
pub(super) fn kind(stream: StreamKey) -> i16 {
    match stream.kind {
        StreamKind::Channel => CHANNEL,
        StreamKind::Guild => 2,
        StreamKind::User => 3,
    }
}

/// The columns of a row, read from left to right.
pub(super) struct Columns<'r> {
    row: &'r PgRow,
    next: usize,
}

impl<'r> Columns<'r> {
    /// From the first column on.
    pub(super) fn of(row: &'r PgRow) -> Self {
        Self { row, next: 0 }
    }

    /// Whatever stands there.
    pub(super) fn get<T>(&mut self) -> sqlx::Result<T>
    where
        T: sqlx::Decode<'r, sqlx::Postgres>,
    {
        self.next += 1;
        // Unchecked: a number is read from a column of any width, and the decoder fails on a wrong type anyway.
        self.row.try_get_unchecked(self.next - 1)
    }

    /// An id, a seq, a time: 64 bits.
    pub(super) fn id<T: From<u64>>(&mut self) -> sqlx::Result<T> {
        Ok(self.get::<i64>()?.cast_unsigned().into())
    }

    /// The same, or nothing.
    pub(super) fn id_or_none<T: From<u64>>(&mut self) -> sqlx::Result<Option<T>> {
        Ok(self.get::<Option<i64>>()?.map(|value| value.cast_unsigned().into()))
    }

    /// A number of fewer bits.
    pub(super) fn number<T: TryFrom<i64>>(&mut self) -> sqlx::Result<T> {
        T::try_from(self.get::<i64>()?).map_err(|_| self.wrong("number out of range"))
    }

    /// What `text` wrote.
    pub(super) fn text(&mut self) -> sqlx::Result<String> {
        let text: String = self.get()?;
        if !text.contains(ESCAPE) {
            return Ok(text);
        }
        let mut characters = text.chars();
        let mut plain = String::with_capacity(text.len());
        while let Some(character) = characters.next() {
            let escaped = if character == ESCAPE { characters.next() } else { None };
            plain.push(if escaped == Some('0') { '\0' } else { character });
        }
        Ok(plain)
    }

    /// Bytes of one length.
    pub(super) fn bytes<const N: usize>(&mut self) -> sqlx::Result<[u8; N]> {
        let bytes: &[u8] = self.get()?;
        bytes.try_into().map_err(|_| self.wrong("bytes of a wrong length"))
    }

    /// A message: id, author, content, nonce, fingerprint, reply, creation, edit, deletion, guild's seq.
    pub(super) fn message(&mut self) -> sqlx::Result<MessageRow> {
        Ok(MessageRow {
            id: self.id()?,
            author: self.id()?,
            content: self.get()?,
            nonce: Uuid::from_bytes(self.bytes()?),
            fingerprint: self.id_or_none()?,
            reply_to: self.id_or_none()?,
            create_ms: self.id()?,
            edit_ms: self.id_or_none()?,
            delete_ms: self.id_or_none()?,
            guild_seq: self.id()?,
        })
    }

    /// What a nonce stands for: id, fingerprint, creation.
    pub(super) fn sent(&mut self) -> sqlx::Result<Sent> {
        Ok(Sent { message: self.id()?, fingerprint: self.id_or_none()?, create_ms: self.id()? })
    }

    /// Steps over some columns.
    pub(super) fn skip(&mut self, columns: usize) {
        self.next += columns;
    }

    /// Whether the next column holds nothing; it stays the next one.
    pub(super) fn is_null(&mut self) -> sqlx::Result<bool> {
        Ok(self.row.try_get_raw(self.next)?.is_null())
    }

    /// What the column just read is, when it is not what it should be.
    pub(super) fn wrong(&self, what: &str) -> sqlx::Error {
        sqlx::Error::ColumnDecode { index: (self.next - 1).to_string(), source: what.into() }
    }
}
