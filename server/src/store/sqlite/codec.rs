//! How values of the rooms above look in the database, and back. No statement and no decision is in here.

use guildhall_proto::ids::{StreamKey, StreamKind};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, ValueRef};
use uuid::Uuid;

use crate::store::{MessageRow, Sent};

/// The number of a channel's stream in `streams.kind`; statements spell it out.
pub(super) const CHANNEL: i64 = 1;

/// The same 64 bits, signed. Right for equality; `bound` is for what is compared by size.
pub(super) fn id(value: impl Into<u64>) -> i64 {
    value.into().cast_signed()
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

/// The number of a stream's kind.
pub(super) fn kind(stream: StreamKey) -> i64 {
    match stream.kind {
        StreamKind::Channel => CHANNEL,
        StreamKind::Guild => 2,
        StreamKind::User => 3,
    }
}

/// Several ids as one argument: a JSON array, which one prepared statement takes at every length.
pub(super) fn list(ids: impl IntoIterator<Item = i64>) -> String {
    let mut json = String::from("[");
    for id in ids {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&id.to_string());
    }
    json.push(']');
    json
}

/// The columns of a row, read from left to right.
pub(super) struct Columns<'r> {
    row: &'r SqliteRow,
    next: usize,
}

impl<'r> Columns<'r> {
    /// From the first column on.
    pub(super) fn of(row: &'r SqliteRow) -> Self {
        Self { row, next: 0 }
    }

    /// Whatever stands there.
    pub(super) fn get<T>(&mut self) -> sqlx::Result<T>
    where
        T: sqlx::Decode<'r, sqlx::Sqlite>,
    {
        self.next += 1;
        // Unchecked: an expression has no declared type to check against, and the decoder fails on a wrong one anyway.
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

    /// A number of 32 bits.
    pub(super) fn number<T: TryFrom<i64>>(&mut self) -> sqlx::Result<T> {
        T::try_from(self.get::<i64>()?).map_err(|_| self.wrong("number out of range"))
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
