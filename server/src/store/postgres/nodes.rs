//! The nodes of a cluster: a row each, which the node writes again every two seconds and which counts for ten.

use std::{error::Error as StdError, time::Duration};

use async_trait::async_trait;
use sqlx::{PgPool, Row as _, postgres::PgRow};
use tokio::time::timeout;

use crate::store::{Error, Node, Registry, Result};

/// How long an answer may take. A beat that waits longer is late anyway.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

// Rows of nodes that went without a word are removed by those that stay.
const BEAT: &str = "WITH gone AS (DELETE FROM nodes WHERE expire_time < clock_timestamp() - interval '1 minute' AND id <> $1) \
    INSERT INTO nodes (id, address, load, expire_time) \
    VALUES ($1, $2, $3, clock_timestamp() + interval '10 seconds') \
    ON CONFLICT (id) DO UPDATE \
    SET address = excluded.address, load = excluded.load, expire_time = excluded.expire_time";
const LIVE: &str = "SELECT id, address, load, (extract(epoch FROM start_time) * 1000)::bigint AS start_ms \
    FROM nodes WHERE expire_time > clock_timestamp() ORDER BY id";
const LEAVE: &str = "DELETE FROM nodes WHERE id = $1";

/// The table of nodes.
pub struct Nodes {
    pool: PgPool,
}

impl Nodes {
    /// The table of this database; it is there since the migrations.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Registry for Nodes {
    async fn beat(&self, id: u64, address: &str, load: u32) -> Result<()> {
        let beat = sqlx::query(BEAT).bind(id.cast_signed()).bind(address).bind(i64::from(load));
        bounded(beat.execute(&self.pool)).await.map(drop)
    }

    async fn live(&self) -> Result<Vec<Node>> {
        let rows = bounded(sqlx::query(LIVE).fetch_all(&self.pool)).await?;
        rows.iter().map(node).collect::<sqlx::Result<_>>().map_err(|error| Error::Corrupt(error.to_string()))
    }

    async fn leave(&self, id: u64) -> Result<()> {
        bounded(sqlx::query(LEAVE).bind(id.cast_signed()).execute(&self.pool)).await.map(drop)
    }
}

fn node(row: &PgRow) -> sqlx::Result<Node> {
    let id: i64 = row.try_get("id")?;
    let (load, start_ms): (i64, i64) = (row.try_get("load")?, row.try_get("start_ms")?);
    Ok(Node {
        id: id.cast_unsigned(),
        address: row.try_get("address")?,
        start_ms: start_ms.try_into().unwrap_or(0),
        load: load.try_into().unwrap_or(u32::MAX),
    })
}

async fn bounded<T>(asked: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    let unavailable = |error: Box<dyn StdError + Send + Sync>| Error::Unavailable(error);
    match timeout(ANSWER_TIMEOUT, asked).await {
        Ok(answer) => answer.map_err(|error| unavailable(error.into())),
        Err(late) => Err(unavailable(late.into())),
    }
}
