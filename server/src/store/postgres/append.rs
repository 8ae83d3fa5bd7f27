//! An append: one statement, so one round trip and one transaction.
//!
//! The row of the channel's stream is its lock: whoever moves the head holds it until the end of the statement, and
//! whoever waited for it finds the head moved. A statement sees the database as it was when it began; that its view of
//! the channel is the latest one follows from the head being where it was expected, because no change of a channel's
//! messages leaves the head alone.
//!
//! When no answer comes, the same append is simply tried again: at one head only one of the two can land. If the head
//! has moved then, the log tells whether it was this append that moved it.

use std::time::Duration;

use guildhall_proto::ids::ChannelId;
use sqlx::postgres::PgRow;
use tokio::time::{Instant, sleep, timeout_at};

use super::codec::{self, Columns};
use super::failure;
use super::link::{Link, Query, RETRY_PAUSE};
use super::rows::{CREATED, Rows};
use crate::store::{Append, Duplicate, Entry};

/// How long an append whose outcome is not known is followed up.
const DOUBT_PATIENCE: Duration = Duration::from_secs(3);

/// Which nonces ($4, $5) stand in the log already; and the head moves from $2 to $3 if none does.
macro_rules! compare_and_set {
    () => {
        "
WITH same AS MATERIALIZED (
    SELECT n.number, COALESCE(m.message_id, t.message_id) AS message_id, m.fingerprint,
           COALESCE(m.create_ms, t.create_ms) AS create_ms
    FROM unnest($4::bigint[], $5::bytea[]) WITH ORDINALITY AS n (author_id, nonce, number)
    LEFT JOIN messages AS m ON m.channel_id = $1 AND m.author_id = n.author_id AND m.nonce = n.nonce
    LEFT JOIN tombstones AS t ON t.channel_id = $1 AND t.author_id = n.author_id AND t.nonce = n.nonce
    WHERE m.message_id IS NOT NULL OR t.message_id IS NOT NULL
), moved AS (
    UPDATE streams SET head = $3
    WHERE kind = 1 AND id = $1 AND head = $2 AND NOT closed AND NOT EXISTS (SELECT 1 FROM same)
    RETURNING id
)"
    };
}

/// Whether it was written; where the head was when the statement began; and a row for each repeated nonce.
macro_rules! answer {
    () => {
        "
SELECT EXISTS (SELECT 1 FROM moved), s.head, same.number, same.message_id, same.fingerprint, same.create_ms
FROM (SELECT 1) AS one
LEFT JOIN streams AS s ON s.kind = 1 AND s.id = $1 AND NOT s.closed
LEFT JOIN same ON TRUE
ORDER BY same.number"
    };
}

/// All entries are new messages: the case that must be cheap.
pub(super) const PLAIN: &str = concat!(
    compare_and_set!(),
    ", logged AS (
    INSERT INTO log (channel_id, seq, kind, message_id, actor_id, time_ms, guild_seq)
    SELECT $1, $2 + e.step, 1, $2 + e.step, e.actor_id, e.time_ms, e.guild_seq
    FROM unnest($4::bigint[], $6::bigint[], $7::bigint[]) WITH ORDINALITY AS e (actor_id, time_ms, guild_seq, step)
    WHERE EXISTS (SELECT 1 FROM moved)
), made AS (
    INSERT INTO messages
        (channel_id, message_id, author_id, nonce, create_ms, guild_seq, content, fingerprint, reply_to)
    SELECT $1, $2 + e.step, e.author_id, e.nonce, e.time_ms, e.guild_seq, e.content, e.fingerprint, e.reply_to
    FROM unnest($4::bigint[], $5::bytea[], $6::bigint[], $7::bigint[], $8::text[], $9::bigint[], $10::bigint[])
        WITH ORDINALITY AS e (author_id, nonce, time_ms, guild_seq, content, fingerprint, reply_to, step)
    WHERE EXISTS (SELECT 1 FROM moved)
)",
    answer!()
);

/// Any entries.
pub(super) const MIXED: &str = concat!(
    compare_and_set!(),
    ", logged AS (
    INSERT INTO log (channel_id, seq, kind, message_id, actor_id, time_ms, guild_seq)
    SELECT $1, $2 + e.step, e.kind, e.message_id, e.actor_id, e.time_ms, e.guild_seq
    FROM unnest($6::smallint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
        WITH ORDINALITY AS e (kind, message_id, actor_id, time_ms, guild_seq, step)
    WHERE EXISTS (SELECT 1 FROM moved)
), made AS (
    INSERT INTO messages
        (channel_id, message_id, author_id, content, nonce, fingerprint, reply_to, create_ms, edit_ms, guild_seq)
    SELECT $1, n.* FROM unnest($11::bigint[], $12::bigint[], $13::text[], $14::bytea[], $15::bigint[], $16::bigint[],
                               $17::bigint[], $18::bigint[], $19::bigint[]) AS n
    WHERE EXISTS (SELECT 1 FROM moved)
), edited AS (
    UPDATE messages AS m SET content = e.content, edit_ms = e.edit_ms, guild_seq = e.guild_seq
    FROM unnest($20::bigint[], $21::text[], $22::bigint[], $23::bigint[]) AS e (message_id, content, edit_ms, guild_seq)
    WHERE m.channel_id = $1 AND m.message_id = e.message_id AND EXISTS (SELECT 1 FROM moved)
), deleted AS (
    DELETE FROM messages AS m
    USING unnest($24::bigint[], $25::bigint[], $26::bigint[]) AS d (message_id, edit_ms, delete_ms)
    WHERE m.channel_id = $1 AND m.message_id = d.message_id AND EXISTS (SELECT 1 FROM moved)
    RETURNING m.message_id, m.author_id, m.nonce, m.reply_to, m.create_ms, COALESCE(d.edit_ms, m.edit_ms), d.delete_ms
), buried AS (
    INSERT INTO tombstones (channel_id, message_id, author_id, nonce, reply_to, create_ms, edit_ms, delete_ms)
    SELECT $1, d.* FROM deleted AS d
    UNION ALL
    SELECT $1, n.* FROM unnest($27::bigint[], $28::bigint[], $29::bytea[], $30::bigint[], $31::bigint[], $32::bigint[],
                               $33::bigint[]) AS n
    WHERE EXISTS (SELECT 1 FROM moved)
)",
    answer!()
);

/// What stands in the log where an append would have put it, with the nonces of new messages, deleted ones too.
pub(super) const LANDED: &str = "
SELECT l.kind, l.message_id, l.actor_id, l.time_ms, l.guild_seq, COALESCE(m.nonce, t.nonce)
FROM log AS l
LEFT JOIN messages AS m ON l.kind = 1 AND m.channel_id = l.channel_id AND m.message_id = l.message_id
LEFT JOIN tombstones AS t
    ON l.kind = 1 AND m.message_id IS NULL AND t.channel_id = l.channel_id AND t.message_id = l.message_id
WHERE l.channel_id = $1 AND l.seq > $2 AND l.seq <= $3
ORDER BY l.seq";

/// Where the head is, and how to tell.
const HEAD: &str = "SELECT head FROM streams WHERE kind = 1 AND id = $1 AND NOT closed";

/// Writes the entries, or says why not. An outcome that the server does not tell is found out.
pub(super) async fn append(link: &Link, channel: ChannelId, expected: u64, entries: &[Entry]) -> sqlx::Result<Append> {
    let rows = Rows::new(channel, expected, entries);
    let mut error = match attempt(link, &rows, false).await {
        Err(error) if failure::is_in_doubt(&error) || failure::is_collision(&error) => error,
        // What was never sent, or was refused, has no outcome to find out.
        result => return result,
    };
    tracing::debug!(%error, "the outcome of an append is not known; it is found out");
    let until = Instant::now() + DOUBT_PATIENCE;
    let link = link.settling();
    loop {
        sleep(RETRY_PAUSE).await;
        match timeout_at(until, attempt(&link, &rows, true)).await {
            Ok(Err(again)) if failure::is_not_now(&again) => error = again,
            Ok(result) => return result,
            Err(_) => return Err(error),
        }
    }
}

/// Tries once. `again`: an earlier try may have landed, or may still land; then what it wrote is not another's.
pub(super) async fn attempt(link: &Link, rows: &Rows<'_>, again: bool) -> sqlx::Result<Append> {
    let answer = link.lease().await?.fetch(statement(rows)).await?;
    let answer = match read(rows, &answer)? {
        Some(answer) => answer,
        // The head was where it should be when the statement began, and was moved while it waited for the row.
        None => refusal(rows, link.row(|| sqlx::query(HEAD).bind(rows.channel)).await?)?,
    };
    let moved = matches!(answer, Append::HeadMoved { .. } | Append::Duplicates(_));
    if again && moved && landed(link, rows).await? {
        return Ok(Append::Done { taken: rows.taken });
    }
    Ok(answer)
}

fn statement(rows: &Rows<'_>) -> Query {
    let plain = rows.log.kinds.iter().all(|kind| *kind == CREATED)
        && rows.nonces.indexes.len() == rows.taken
        && rows.messages.ids.len() == rows.taken;
    let query = sqlx::query(if plain { PLAIN } else { MIXED })
        .bind(rows.channel)
        .bind(codec::bound(rows.expected))
        .bind(rows.head())
        .bind(&rows.nonces.authors)
        .bind(&rows.nonces.nonces);
    let (log, messages) = (&rows.log, &rows.messages);
    if plain {
        return query
            .bind(&log.times)
            .bind(&log.guild_seqs)
            .bind(&messages.contents)
            .bind(&messages.fingerprints)
            .bind(&messages.replies);
    }
    let query = query.bind(&log.kinds).bind(&log.messages).bind(&log.actors).bind(&log.times).bind(&log.guild_seqs);
    let query = query.bind(&messages.ids).bind(&messages.authors).bind(&messages.contents).bind(&messages.nonces);
    let query = query.bind(&messages.fingerprints).bind(&messages.replies).bind(&messages.creates);
    let query = query.bind(&messages.edits).bind(&messages.guild_seqs);
    let (edits, deletes, gone) = (&rows.edits, &rows.deletes, &rows.tombstones);
    let query = query.bind(&edits.ids).bind(&edits.contents).bind(&edits.times).bind(&edits.guild_seqs);
    let query = query.bind(&deletes.ids).bind(&deletes.edits).bind(&deletes.times);
    let query = query.bind(&gone.ids).bind(&gone.authors).bind(&gone.nonces).bind(&gone.replies);
    query.bind(&gone.creates).bind(&gone.edits).bind(&gone.deletes)
}

/// What the statement says. `None`: it lost the race for the head.
fn read(rows: &Rows<'_>, answer: &[PgRow]) -> sqlx::Result<Option<Append>> {
    let first = answer.first().ok_or(sqlx::Error::RowNotFound)?;
    let mut columns = Columns::of(first);
    if columns.get::<bool>()? {
        return Ok(Some(Append::Done { taken: rows.taken }));
    }
    let Some(head) = columns.id_or_none::<u64>()? else { return Ok(Some(Append::Closed)) };
    if !columns.is_null()? {
        return answer
            .iter()
            .map(|row| duplicate(rows, row))
            .collect::<sqlx::Result<_>>()
            .map(Append::Duplicates)
            .map(Some);
    }
    Ok((head != rows.expected).then(|| moved(rows, head)))
}

fn duplicate(rows: &Rows<'_>, row: &PgRow) -> sqlx::Result<Duplicate> {
    let mut columns = Columns::of(row);
    columns.skip(2);
    let number: usize = columns.number()?;
    let index = number.checked_sub(1).and_then(|place| rows.nonces.indexes.get(place).copied());
    let index = index.ok_or_else(|| columns.wrong("a nonce that was not asked for"))?;
    Ok(Duplicate { index, sent: columns.sent()? })
}

fn refusal(rows: &Rows<'_>, row: Option<PgRow>) -> sqlx::Result<Append> {
    let Some(row) = row else { return Ok(Append::Closed) };
    Ok(moved(rows, Columns::of(&row).id()?))
}

fn moved(rows: &Rows<'_>, head: u64) -> Append {
    if head > rows.expected { Append::HeadMoved { actual: head } } else { Append::Gone }
}

/// Whether these very entries stand in the log where they were to be put.
async fn landed(link: &Link, rows: &Rows<'_>) -> sqlx::Result<bool> {
    let (after, head) = (codec::bound(rows.expected), rows.head());
    let found = link.rows(|| sqlx::query(LANDED).bind(rows.channel).bind(after).bind(head)).await?;
    let mut nonces = rows.nonces.nonces.iter();
    let log = &rows.log;
    for (index, row) in found.iter().enumerate() {
        let mut columns = Columns::of(row);
        let kind: i16 = columns.get()?;
        let same = kind == log.kinds[index]
            && columns.get::<i64>()? == log.messages[index]
            && columns.get::<i64>()? == log.actors[index]
            && columns.get::<i64>()? == log.times[index]
            && columns.get::<i64>()? == log.guild_seqs[index];
        let same = same && (kind != CREATED || columns.get::<Option<&[u8]>>()? == nonces.next().copied());
        if !same {
            return Ok(false);
        }
    }
    Ok(found.len() == rows.taken)
}
