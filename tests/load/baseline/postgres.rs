//! A bare writer of Postgres: the rows that sent messages become, in the server's own tables, as transactions of many
//! rows that move a head. One statement each, because that is the quickest way to have one. No nonce is looked for.

use anyhow::{Result, ensure};
use rand::RngExt as _;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use super::shape::{Shape, Writer, text};

/// The channels of the writer have small numbers: those of a server never do.
const FIRST_CHANNEL: i64 = 1;
const TIME_MS: i64 = 1_700_000_000_000;
const STREAM: &str = "INSERT INTO streams (kind, id, epoch) VALUES (1, $1, 1)
    ON CONFLICT (id, kind) DO UPDATE SET epoch = 1 RETURNING head";
const WRITE: &str = "
WITH moved AS (
    UPDATE streams SET head = $3 WHERE kind = 1 AND id = $1 AND head = $2 RETURNING id
), logged AS (
    INSERT INTO log (channel_id, seq, kind, message_id, actor_id, time_ms, guild_seq)
    SELECT $1, n, 1, n, 1, $4, 1 FROM generate_series($2 + 1, $3) AS n WHERE EXISTS (SELECT 1 FROM moved)
), made AS (
    INSERT INTO messages (channel_id, message_id, author_id, nonce, create_ms, guild_seq, content, fingerprint)
    SELECT $1, $2 + e.step, 1, e.nonce, $4, 1, e.content, e.fingerprint
    FROM unnest($5::bytea[], $6::text[], $7::bigint[]) WITH ORDINALITY AS e (nonce, content, fingerprint, step)
    WHERE EXISTS (SELECT 1 FROM moved)
)
SELECT count(*) FROM moved";

/// How many rows of the newest appends of these channels were written by each transaction.
const SIZES: &str = "
SELECT count(*) FROM log AS l, streams AS s
WHERE l.channel_id = ANY($1) AND s.kind = 1 AND s.id = l.channel_id AND l.seq > s.head - 400
GROUP BY l.channel_id, l.xmin";

struct Channel {
    pool: PgPool,
    id: i64,
    head: i64,
}

/// Writes to a server's database; returns rows a second.
pub(super) async fn write(url: &str, shape: &Shape) -> Result<f64> {
    let pool = PgPoolOptions::new().max_connections(u32::try_from(shape.connections)?).connect(url).await?;
    let mut channels = Vec::new();
    for id in FIRST_CHANNEL..FIRST_CHANNEL + shape.channels {
        let head = sqlx::query_scalar(STREAM).bind(id).fetch_one(&pool).await?;
        channels.push(Channel { pool: pool.clone(), id, head });
    }
    shape.rate(channels).await
}

impl Writer for Channel {
    async fn write(&mut self, batch: usize) -> Result<()> {
        let seqs = self.head + 1..=self.head + i64::try_from(batch)?;
        let nonces: Vec<Vec<u8>> = seqs.clone().map(|_| uuid::Uuid::now_v7().as_bytes().to_vec()).collect();
        let fingerprints: Vec<i64> = seqs.clone().map(|_| rand::rng().random()).collect();
        let texts: Vec<String> = seqs.clone().map(text).collect();
        let query = sqlx::query_scalar(WRITE).bind(self.id).bind(self.head).bind(*seqs.end()).bind(TIME_MS);
        let moved: i64 = query.bind(nonces).bind(texts).bind(fingerprints).fetch_one(&self.pool).await?;
        ensure!(moved == 1, "somebody else writes to channel {}", self.id);
        self.head = *seqs.end();
        Ok(())
    }
}

/// The rows of each of the newest appends of a server's channels.
pub(crate) async fn sizes(url: &str, channels: &[u64]) -> Result<Vec<f64>> {
    let pool = PgPoolOptions::new().max_connections(1).connect(url).await?;
    let channels: Vec<i64> = channels.iter().map(|id| id.cast_signed()).collect();
    let sizes: Vec<i64> = sqlx::query_scalar(SIZES).bind(channels).fetch_all(&pool).await?;
    Ok(sizes.into_iter().map(|size| size as f64).collect())
}
