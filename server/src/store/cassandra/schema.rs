//! The tables: made by one command, never by each node at its start, because tables that are made twice at once leave a
//! cluster with two schemas.

use std::sync::Arc;
use std::time::Duration;

use scylla::client::session::Session;
use scylla::cluster::Node;
use scylla::errors::ExecutionError;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::failure::{self, OpenError};
use super::{Layout, Options, Replication, connect, promise};

/// The version of the tables below.
pub(super) const VERSION: i32 = 1;

/// How long the nodes may take to agree.
const AGREEMENT_PATIENCE: Duration = Duration::from_secs(60);
const AGREEMENT_INTERVAL: Duration = Duration::from_millis(200);

/// The tables of version 1. A column that was dropped must never come back under its name: stamps of `messages` are small
/// numbers, older than any drop. `gc_grace_seconds` of `log` must not be lowered: promises of appends expire with it.
const TABLES: &[&str] = &[
    // What happened. Only conditional batches write it, but for what erases a text.
    "log (channel bigint, bucket int, seq bigint, head bigint static, applied bigint static,
          kind tinyint, body blob, secret blob, PRIMARY KEY ((channel, bucket), seq))",
    // Messages as they are now, written after the append with the seq as time. `made` is the log's body of the create;
    // `changed` and `guild_seq` are those of the last change after it: a cell less is time saved on every message;
    // `texts` are the edits whose text may still be in the log; `newest`, in the first bucket, is a bucket that exists.
    "messages (channel bigint, bucket int, id bigint, newest int static, made blob, content text, fingerprint bigint,
               changed bigint, guild_seq bigint, edit_ms bigint, delete_ms bigint, texts set<bigint>,
               PRIMARY KEY ((channel, bucket), id))",
    // What a nonce stands for. The slot follows from the nonce, so that one append's lie together.
    "nonces (channel bigint, slot int, author bigint, nonce uuid, seq bigint,
             PRIMARY KEY ((channel, slot), author, nonce))",
    // Channels that are being deleted, by somebody's attempt.
    "closing (shard tinyint, channel bigint, attempt uuid, PRIMARY KEY (shard, channel, attempt))",
    "schema_version (id tinyint PRIMARY KEY, version int, bucket_rows int, generation bigint)",
];

/// What the keyspace says of itself.
pub(super) struct Facts {
    /// The size of its buckets.
    pub(super) bucket_rows: i32,
    /// How often it was restored from a backup.
    pub(super) generation: i64,
}

/// Makes the keyspace and the tables that do not exist, and says which version they are.
pub(super) async fn migrate(options: &Options, layout: &Layout) -> Result<(), OpenError> {
    let session = connect::session(options).await?;
    let keyspace = &options.keyspace;
    agreed(&session, options).await?;
    match facts(&session, options).await {
        Ok(_) => return Ok(()),
        Err(OpenError::NoSchema { .. } | OpenError::Older { .. }) => {}
        Err(other) => return Err(other),
    }
    let replication = replication(&layout.replication);
    // All that migrate at once ask the same node, which does one thing after the other.
    let node = first_node(&session, options)?;
    let make = format!("CREATE KEYSPACE IF NOT EXISTS \"{keyspace}\" WITH replication = {replication}");
    run(&session, &node, options, make).await?;
    // Without enough nodes for the copies, not even the version could be written.
    session.refresh_metadata().await.map_err(|source| unreachable(options, source))?;
    promise::copies(&session, options)?;
    for table in TABLES {
        run(&session, &node, options, format!("CREATE TABLE IF NOT EXISTS \"{keyspace}\".{table}")).await?;
    }
    let rows = layout.bucket_rows;
    let insert =
        format!("INSERT INTO \"{keyspace}\".schema_version (id, bucket_rows, generation) VALUES (1, {rows}, 0)");
    let version = format!("UPDATE \"{keyspace}\".schema_version SET version = {VERSION} WHERE id = 1");
    // The version comes last and stands for all. Who was first decides on the size of the buckets.
    for statement in [format!("{insert} IF NOT EXISTS"), version] {
        session.query_unpaged(statement, ()).await.map_err(|source| database(options, source))?;
    }
    facts(&session, options).await.map(drop)
}

async fn run(session: &Session, node: &Arc<Node>, options: &Options, text: String) -> Result<(), OpenError> {
    connect::ask(session, node, text).await.map_err(|source| database(options, source))?;
    agreed(session, options).await
}

fn replication(replication: &Replication) -> String {
    match replication {
        Replication::Simple(copies) => format!("{{'class': 'SimpleStrategy', 'replication_factor': {copies}}}"),
        Replication::Datacenters(copies) => {
            let places = copies.iter().map(|(name, copies)| format!(", '{}': {copies}", name.replace('\'', "''")));
            format!("{{'class': 'NetworkTopologyStrategy'{}}}", places.collect::<String>())
        }
    }
}

fn first_node(session: &Session, options: &Options) -> Result<Arc<Node>, OpenError> {
    let state = session.get_cluster_state();
    let up = state.get_nodes_info().iter().filter(|node| node.is_connected());
    let first = up.min_by_key(|node| node.host_id).cloned();
    first.ok_or_else(|| unreachable(options, "no node is connected"))
}

fn unreachable(options: &Options, source: impl Into<failure::Source>) -> OpenError {
    OpenError::Unreachable { nodes: options.nodes.join(", "), source: source.into() }
}

/// Waits until every node that is up says the same of the schema. The driver's own wait is not enough: nodes that have
/// not found each other yet agree with themselves.
async fn agreed(session: &Session, options: &Options) -> Result<(), OpenError> {
    let until = Instant::now() + AGREEMENT_PATIENCE;
    loop {
        let seen = versions(session).await;
        let one = seen.iter().all(|(_, version)| version.is_some() && *version == seen[0].1);
        if one && !seen.is_empty() {
            return Ok(());
        }
        if Instant::now() >= until {
            let says = |(node, version): &(String, Option<Uuid>)| match version {
                Some(version) => format!("{node} has {version}"),
                None => format!("{node} does not answer"),
            };
            let seen = seen.iter().map(says).collect::<Vec<_>>().join(", ");
            return Err(OpenError::Disagreement { nodes: options.nodes.join(", "), seen });
        }
        sleep(AGREEMENT_INTERVAL).await;
    }
}

/// What each node that the driver knows says, and what each says of the others.
async fn versions(session: &Session) -> Vec<(String, Option<Uuid>)> {
    let state = session.get_cluster_state();
    let mut seen = Vec::new();
    for node in state.get_nodes_info() {
        let own = one_version(session, node, "SELECT schema_version FROM system.local").await;
        let of_peers = one_version(session, node, "SELECT schema_version FROM system.peers").await;
        seen.extend(own.into_iter().chain(of_peers).map(|version| (connect::address(node), version)));
    }
    seen
}

async fn one_version(session: &Session, node: &Arc<Node>, select: &str) -> Vec<Option<Uuid>> {
    let Ok(answer) = connect::ask(session, node, select.into()).await else { return vec![None] };
    let Ok(rows) = answer.into_rows_result() else { return vec![None] };
    let Ok(rows) = rows.rows::<(Option<Uuid>,)>() else { return vec![None] };
    rows.map(|row| row.ok().and_then(|row| row.0)).collect()
}

/// Reads what the keyspace says of itself; an error if it is not of this version.
pub(super) async fn facts(session: &Session, options: &Options) -> Result<Facts, OpenError> {
    let keyspace = options.keyspace.clone();
    let select = format!("SELECT version, bucket_rows, generation FROM \"{keyspace}\".schema_version WHERE id = 1");
    let answer = match session.query_unpaged(select, ()).await {
        Ok(answer) => answer,
        Err(source) if failure::is_invalid(&source) => return Err(OpenError::NoSchema { keyspace }),
        Err(source) => return Err(database(options, source)),
    };
    let wrong = |source: failure::Source| OpenError::Database { keyspace: keyspace.clone(), source };
    let rows = answer.into_rows_result().map_err(|source| wrong(source.into()))?;
    let row = rows.maybe_first_row::<(Option<i32>, Option<i32>, Option<i64>)>();
    match row.map_err(|source| wrong(source.into()))? {
        None | Some((None, ..)) => Err(OpenError::NoSchema { keyspace }),
        Some((Some(version), ..)) if version > VERSION => Err(OpenError::Newer { keyspace, version }),
        Some((Some(version), ..)) if version < VERSION => Err(OpenError::Older { keyspace, version, wanted: VERSION }),
        Some((_, bucket_rows, generation)) => {
            let bucket_rows = bucket_rows.ok_or_else(|| wrong("no size of buckets".into()))?;
            Ok(Facts { bucket_rows, generation: generation.unwrap_or(0) })
        }
    }
}

/// Whether there is no entry of any channel.
pub(super) async fn is_empty(options: &Options) -> Result<bool, OpenError> {
    let session = connect::session(options).await?;
    facts(&session, options).await?;
    let select = format!("SELECT channel FROM \"{}\".log LIMIT 1", options.keyspace);
    let answer = session.query_unpaged(select, ()).await.map_err(|source| database(options, source))?;
    let wrong = |source: failure::Source| OpenError::Database { keyspace: options.keyspace.clone(), source };
    Ok(answer.into_rows_result().map_err(|source| wrong(source.into()))?.rows_num() == 0)
}

/// What a statement at start failed of.
pub(super) fn database(options: &Options, source: ExecutionError) -> OpenError {
    if failure::is_about_login(&source) {
        OpenError::Refused { nodes: options.nodes.join(", "), source: source.into() }
    } else if failure::is_final(&source) {
        OpenError::Database { keyspace: options.keyspace.clone(), source: source.into() }
    } else {
        unreachable(options, source)
    }
}
