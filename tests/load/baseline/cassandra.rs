//! A bare writer of Cassandra: the log's rows of sent messages, in the server's own table, as conditional batches that
//! move a head, through the same driver set up alike. No state, no nonces.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use scylla::client::PoolSize;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::{Consistency, SerialConsistency};
use scylla::value::{CqlValue, Row};

use super::shape::{Shape, Writer, text};

/// The channels of the writer have small numbers: those of a server never do.
const FIRST_CHANNEL: i64 = 1;
/// Rows of one partition, as the server has it.
const BUCKET_ROWS: i64 = 5_000;
/// What a server's row has beside its text.
const BODY: [u8; 57] = [7; 57];

struct Channel {
    session: Arc<Session>,
    move_head: PreparedStatement,
    insert: PreparedStatement,
    id: i64,
    bucket: i32,
    /// The last seq of the bucket; none: it is not begun.
    head: Option<i64>,
}

/// Writes to a server's keyspace; returns rows a second.
pub(super) async fn write(nodes: &str, keyspace: &str, shape: &Shape) -> Result<f64> {
    let session = Arc::new(connect(nodes, shape.connections).await?);
    let log = format!("\"{keyspace}\".log");
    let update = format!("UPDATE {log} SET head = ? WHERE channel = ? AND bucket = ? IF head = ?");
    let insert = format!("INSERT INTO {log} (channel, bucket, seq, kind, body, secret) VALUES (?, ?, ?, ?, ?, ?)");
    let (update, insert) = (session.prepare(update).await?, session.prepare(insert).await?);
    let mut channels = Vec::new();
    for id in FIRST_CHANNEL..FIRST_CHANNEL + shape.channels {
        let (bucket, head) = newest(&session, keyspace, id).await?;
        let (session, move_head, insert) = (Arc::clone(&session), update.clone(), insert.clone());
        channels.push(Channel { session, move_head, insert, id, bucket, head });
    }
    shape.rate(channels).await
}

/// As the server does: the same consistency, nothing sent twice, a channel always to the same node.
async fn connect(nodes: &str, connections: usize) -> Result<Session> {
    let connections = NonZeroUsize::new(connections).context("no connections")?;
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::Quorum)
        .serial_consistency(Some(SerialConsistency::Serial))
        .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
        .speculative_execution_policy(None)
        .load_balancing_policy(DefaultPolicy::builder().enable_shuffling_replicas(false).build());
    let builder = SessionBuilder::new()
        .known_nodes(nodes.split(','))
        .pool_size(PoolSize::PerHost(connections))
        .default_execution_profile_handle(profile.build().into_handle());
    Ok(builder.build().await?)
}

impl Writer for Channel {
    async fn write(&mut self, batch: usize) -> Result<()> {
        let last = (i64::from(self.bucket) + 1) * BUCKET_ROWS;
        if self.head == Some(last) {
            (self.bucket, self.head) = (self.bucket + 1, None);
        }
        let before = self.head.unwrap_or(i64::from(self.bucket) * BUCKET_ROWS);
        let head = last.min(before + i64::try_from(batch)?);
        let mut statements = Batch::new(BatchType::Unlogged);
        statements.append_statement(self.move_head.clone());
        let big = |value: i64| Some(CqlValue::BigInt(value));
        let (id, bucket) = (big(self.id), Some(CqlValue::Int(self.bucket)));
        let mut values = vec![vec![big(head), id.clone(), bucket.clone(), self.head.map(CqlValue::BigInt)]];
        for seq in before + 1..=head {
            statements.append_statement(self.insert.clone());
            let (body, secret) = (CqlValue::Blob(BODY.to_vec()), CqlValue::Blob(text(seq).into_bytes()));
            let kind = Some(CqlValue::TinyInt(1));
            values.push(vec![id.clone(), bucket.clone(), big(seq), kind, Some(body), Some(secret)]);
        }
        let answer = self.session.batch(&statements, values).await?.into_rows_result()?;
        let applied = answer.column_specs().get_by_name("[applied]").map(|(at, _)| at);
        let row = answer.first_row::<Row>()?;
        let applied = applied.and_then(|at| row.columns.get(at).cloned().flatten());
        ensure!(applied == Some(CqlValue::Boolean(true)), "somebody else writes to channel {}", self.id);
        self.head = Some(head);
        Ok(())
    }
}

/// The newest bucket that a channel has, and the head in it.
async fn newest(session: &Session, keyspace: &str, channel: i64) -> Result<(i32, Option<i64>)> {
    let select = format!("SELECT head FROM \"{keyspace}\".log WHERE channel = ? AND bucket = ? LIMIT 1");
    let select = session.prepare(select).await?;
    let mut found = (0, None);
    for bucket in 0.. {
        let answer = session.execute_unpaged(&select, (channel, bucket)).await?.into_rows_result()?;
        match answer.maybe_first_row::<(Option<i64>,)>()? {
            Some((Some(head),)) => found = (bucket, Some(head)),
            _ => break,
        }
    }
    Ok(found)
}

/// The rows of each of the newest appends of a server's channels: those of one append were written at one time.
pub(crate) async fn sizes(nodes: &str, keyspace: &str, channels: &[u64]) -> Result<Vec<f64>> {
    const NEWEST: i64 = 400;
    let session = connect(nodes, 1).await?;
    let select = format!("SELECT writetime(kind) FROM \"{keyspace}\".log WHERE channel = ? AND bucket = ? AND seq > ?");
    let select = session.prepare(select).await?;
    let mut sizes = Vec::new();
    for channel in channels.iter().map(|id| id.cast_signed()) {
        let (bucket, head) = newest(&session, keyspace, channel).await?;
        let after = head.unwrap_or_default() - NEWEST;
        let answer = session.execute_unpaged(&select, (channel, bucket, after)).await?.into_rows_result()?;
        let mut appends: BTreeMap<i64, u32> = BTreeMap::new();
        for row in answer.rows::<(i64,)>()? {
            *appends.entry(row?.0).or_default() += 1;
        }
        sizes.extend(appends.into_values().map(f64::from));
    }
    Ok(sizes)
}
