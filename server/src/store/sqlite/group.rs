//! One group of appends, at most one per channel, as one transaction with one statement per table.

use std::collections::{HashMap, HashSet};

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::codec::Columns;
use super::rows::{self, Rows};
use crate::store::{Append, Duplicate};

// `jsonb_each`, not `json_each`: a row's array then comes parsed, and its columns need no second look at the text.

macro_rules! nonces {
    ($rows:literal) => {
        concat!(
            "
SELECT n.value ->> 0, n.value ->> 1,
       COALESCE(m.message_id, t.message_id), m.fingerprint, COALESCE(m.create_ms, t.create_ms)
FROM jsonb_each(",
            $rows,
            ") AS n
LEFT JOIN messages AS m
    ON m.channel_id = n.value ->> 0 AND m.author_id = n.value ->> 2 AND m.nonce = unhex(n.value ->> 3)
LEFT JOIN tombstones AS t
    ON t.channel_id = n.value ->> 0 AND t.author_id = n.value ->> 2 AND t.nonce = unhex(n.value ->> 3)
WHERE (m.message_id IS NOT NULL OR t.message_id IS NOT NULL)
  AND EXISTS (SELECT 1 FROM streams AS s WHERE s.kind = 1 AND s.id = n.value ->> 0 AND s.closed = 0)"
        )
    };
}
const NONCES: &str = nonces!("?1");

macro_rules! heads {
    ($rows:literal) => {
        concat!(
            "
UPDATE streams AS s SET head = j.value ->> 2
FROM jsonb_each(",
            $rows,
            ") AS j
WHERE s.kind = 1 AND s.id = j.value ->> 0 AND s.head = j.value ->> 1 AND s.closed = 0
RETURNING id"
        )
    };
}
const HEADS: &str = heads!("?1");

const WHERE_HEADS_ARE: &str = "
SELECT s.id, s.head
FROM jsonb_each(?1) AS j CROSS JOIN streams AS s
WHERE s.kind = 1 AND s.id = j.value ->> 0 AND s.closed = 0";

macro_rules! log {
    ($rows:literal) => {
        concat!(
            "
INSERT INTO log (channel_id, seq, kind, message_id, actor_id, time_ms, guild_seq)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
FROM jsonb_each(",
            $rows,
            ")"
        )
    };
}
const LOG: &str = log!("?1");

macro_rules! messages {
    ($rows:literal) => {
        concat!(
            "
INSERT INTO messages (channel_id, message_id, author_id, content, nonce, fingerprint, reply_to, create_ms, guild_seq)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, unhex(value ->> 4), value ->> 5, value ->> 6, value ->> 7,
       value ->> 8
FROM jsonb_each(",
            $rows,
            ")"
        )
    };
}
const MESSAGES: &str = messages!("?1");

const EDITS: &str = "
UPDATE messages AS m SET content = j.value ->> 2, edit_ms = j.value ->> 3, guild_seq = j.value ->> 4
FROM jsonb_each(?1) AS j
WHERE m.channel_id = j.value ->> 0 AND m.message_id = j.value ->> 1";

const TOMBSTONES: &str = "
INSERT INTO tombstones (channel_id, message_id, author_id, nonce, reply_to, create_ms, edit_ms, delete_ms)
SELECT m.channel_id, m.message_id, m.author_id, m.nonce, m.reply_to, m.create_ms, m.edit_ms, j.value ->> 2
FROM jsonb_each(?1) AS j CROSS JOIN messages AS m
WHERE m.channel_id = j.value ->> 0 AND m.message_id = j.value ->> 1";

const DELETES: &str = "
DELETE FROM messages
WHERE (channel_id, message_id) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1))";

// Each call of the driver costs two switches of threads, which is much beside a small group. So the usual case, new
// messages only, is two calls: these.
const BEGIN: &str = concat!("BEGIN IMMEDIATE;", nonces!("?1"), ";", heads!("?2"));
const INSERT_AND_COMMIT: &str = concat!(log!("?1"), ";", messages!("?2"), ";COMMIT");

/// All of them, for the test of their plans.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 8] = [NONCES, HEADS, WHERE_HEADS_ARE, LOG, MESSAGES, EDITS, TOMBSTONES, DELETES];

/// Writes and commits a group of new messages, if every head is where it is expected and no nonce is known: the usual
/// case. False: it is not so; nothing was written. Either way, and after an error, the transaction is over.
pub(super) async fn write_at_once(on: &mut SqliteConnection, group: &[&Rows]) -> sqlx::Result<bool> {
    let joined = |part: fn(&Rows) -> &str| rows::join(group.iter().map(|rows| part(rows))).unwrap_or_default();
    let result = async {
        let begin = sqlx::query(BEGIN).bind(joined(|rows| &rows.nonces)).bind(joined(|rows| &rows.head));
        let found = begin.fetch_all(&mut *on).await?;
        // A head that moved is a row of one column, a known nonce one of several.
        if found.len() != group.len() || found.iter().any(|row| row.len() > 1) {
            return Ok(false);
        }
        let insert = sqlx::query(INSERT_AND_COMMIT).bind(joined(|rows| &rows.log)).bind(joined(|rows| &rows.messages));
        insert.execute(&mut *on).await.map(|_| true)
    };
    let result = result.await;
    if !matches!(result, Ok(true)) {
        // Where SQLite has rolled back by itself it says no; if it is worse, the next transaction cannot begin.
        let _ = sqlx::query("ROLLBACK").execute(on).await;
    }
    result
}

/// Writes what may be written and says what became of each. The transaction around it is the caller's.
pub(super) async fn write(on: &mut SqliteConnection, group: &[&Rows]) -> sqlx::Result<Vec<Append>> {
    let mut duplicates = find_duplicates(on, group).await?;
    let fresh: Vec<&Rows> = group.iter().copied().filter(|rows| !duplicates.contains_key(&rows.channel)).collect();
    let moved = move_heads(on, &fresh).await?;
    let (taken, refused): (Vec<&Rows>, Vec<&Rows>) = fresh.into_iter().partition(|rows| moved.contains(&rows.channel));
    let heads = find_heads(on, &refused).await?;
    insert(on, &taken).await?;
    Ok(group
        .iter()
        .map(|rows| match duplicates.remove(&rows.channel) {
            Some(duplicates) => Append::Duplicates(duplicates),
            None if moved.contains(&rows.channel) => Append::Done { taken: rows.taken },
            None => refusal(rows.expected, heads.get(&rows.channel).copied()),
        })
        .collect())
}

fn refusal(expected: u64, head: Option<u64>) -> Append {
    match head {
        Some(actual) if actual > expected => Append::HeadMoved { actual },
        Some(_) => Append::Gone,
        None => Append::Closed,
    }
}

async fn find_duplicates(on: &mut SqliteConnection, group: &[&Rows]) -> sqlx::Result<HashMap<i64, Vec<Duplicate>>> {
    let mut found: HashMap<i64, Vec<Duplicate>> = HashMap::new();
    let Some(nonces) = rows::join(group.iter().map(|rows| rows.nonces.as_str())) else { return Ok(found) };
    for row in sqlx::query(NONCES).bind(nonces).fetch_all(on).await? {
        let mut columns = Columns::of(&row);
        let channel: i64 = columns.get()?;
        let index = columns.number()?;
        let sent = columns.sent()?;
        found.entry(channel).or_default().push(Duplicate { index, sent });
    }
    for duplicates in found.values_mut() {
        duplicates.sort_by_key(|duplicate| duplicate.index);
    }
    Ok(found)
}

async fn move_heads(on: &mut SqliteConnection, group: &[&Rows]) -> sqlx::Result<HashSet<i64>> {
    let Some(heads) = rows::join(group.iter().map(|rows| rows.head.as_str())) else { return Ok(HashSet::new()) };
    let moved = sqlx::query(HEADS).bind(heads).fetch_all(on).await?;
    moved.iter().map(|row| Columns::of(row).get()).collect()
}

/// Only for those that were refused, to tell them why.
async fn find_heads(on: &mut SqliteConnection, group: &[&Rows]) -> sqlx::Result<HashMap<i64, u64>> {
    let Some(heads) = rows::join(group.iter().map(|rows| rows.head.as_str())) else { return Ok(HashMap::new()) };
    let found = sqlx::query(WHERE_HEADS_ARE).bind(heads).fetch_all(on).await?;
    let head = |row| {
        let mut columns = Columns::of(row);
        Ok((columns.get()?, columns.id()?))
    };
    found.iter().map(head).collect()
}

async fn insert(on: &mut SqliteConnection, group: &[&Rows]) -> sqlx::Result<()> {
    type Part = fn(&Rows) -> &str;
    // In this order: a message may be made, edited and deleted by one append.
    let steps: [(&'static str, Part); 5] = [
        (LOG, |rows| &rows.log),
        (MESSAGES, |rows| &rows.messages),
        (EDITS, |rows| &rows.edits),
        (TOMBSTONES, |rows| &rows.deletes),
        (DELETES, |rows| &rows.deletes),
    ];
    for (statement, part) in steps {
        if let Some(json) = rows::join(group.iter().map(|rows| part(rows))) {
            sqlx::query(statement).bind(json).execute(&mut *on).await?;
        }
    }
    Ok(())
}
