//! Whether the cluster can keep what an acknowledgement promises: copies enough, and each on disk.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use scylla::client::session::Session;
use scylla::cluster::Node;
use scylla::cluster::metadata::Strategy;
use scylla::errors::ExecutionError;
use scylla::response::query_result::QueryRowsResult;

use super::failure::{self, OpenError};
use super::{Level, Options, connect};

/// Refuses a keyspace whose copies cannot give the consistency that was asked for.
pub(super) fn copies(session: &Session, options: &Options) -> Result<(), OpenError> {
    let refuse = |reason: String| OpenError::Replication {
        keyspace: options.keyspace.clone(),
        consistency: options.consistency.name(),
        reason,
    };
    let state = session.get_cluster_state();
    let mut nodes: HashMap<&str, usize> = HashMap::new();
    for node in state.get_nodes_info() {
        *nodes.entry(node.datacenter.as_deref().unwrap_or_default()).or_default() += 1;
    }
    // The driver reads the keyspace by itself, now and then.
    let Some(keyspace) = state.get_keyspace(&options.keyspace) else { return Ok(()) };
    match &keyspace.strategy {
        Strategy::SimpleStrategy { replication_factor } => {
            if options.consistency == Level::LocalQuorum && nodes.len() > 1 {
                return Err(refuse("SimpleStrategy knows no data centres; use NetworkTopologyStrategy".into()));
            }
            enough(*replication_factor, nodes.values().sum()).map_err(refuse)
        }
        Strategy::NetworkTopologyStrategy { datacenter_repfactors: copies } => {
            let at = |name: &str| nodes.get(name).copied().unwrap_or(0);
            match (options.consistency, &options.datacenter) {
                (Level::LocalQuorum, Some(local)) => {
                    let copies = copies.get(local).copied().unwrap_or(0);
                    enough(copies, at(local)).map_err(|why| refuse(format!("in {local} {why}")))
                }
                (Level::LocalQuorum, None) => {
                    copies.iter().try_for_each(|(name, copies)| enough(*copies, at(name))).map_err(refuse)
                }
                (Level::Quorum, _) => {
                    let reachable = copies.iter().map(|(name, copies)| at(name).min(*copies)).sum();
                    enough(copies.values().sum(), reachable).map_err(refuse)
                }
            }
        }
        Strategy::LocalStrategy => Err(refuse("it is local to each node".into())),
        // A strategy of somebody's own: the first write will tell.
        _ => Ok(()),
    }
}

fn enough(copies: usize, nodes: usize) -> Result<(), String> {
    let needed = copies / 2 + 1;
    match copies {
        0 => Err("there are no copies".into()),
        _ if nodes < needed => Err(format!("{copies} copies need {needed} nodes, there are {nodes}")),
        _ => Ok(()),
    }
}

/// Refuses nodes that acknowledge from memory, unless that was accepted: a mere kill of such a node loses what it
/// acknowledged last. A node that does not answer now must not keep this one from starting: it is asked again later.
pub(super) async fn durability(session: &Session, options: &Options) -> Result<(), OpenError> {
    let state = session.get_cluster_state();
    let asked =
        state.get_nodes_info().iter().map(|node| async move { (connect::address(node), sync(session, node).await) });
    let mut weak = Vec::new();
    for (node, sync) in join_all(asked).await {
        match sync {
            Ok(Some(sync)) if sync == "batch" || sync == "group" => {}
            Ok(Some(sync)) => weak.push(format!("{node} ({sync})")),
            Ok(None) => weak.push(format!("{node} (unknown)")),
            Err(error) if failure::is_final(&error) => weak.push(format!("{node} (unknown)")),
            Err(error) => tracing::warn!(node, %error, "whether it writes to disk first is not known"),
        }
    }
    if weak.is_empty() || options.accept_weak_durability {
        return Ok(());
    }
    Err(OpenError::WeakDurability { nodes: weak.join(", ") })
}

/// When a node writes to its disk.
async fn sync(session: &Session, node: &Arc<Node>) -> Result<Option<String>, ExecutionError> {
    let select = "SELECT value FROM system_views.settings WHERE name = 'commitlog_sync'";
    let rows = connect::ask(session, node, select.into()).await?.into_rows_result();
    let value = |rows: QueryRowsResult| rows.maybe_first_row::<(Option<String>,)>().ok()??.0;
    Ok(rows.ok().and_then(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_of_the_copies_must_have_a_node() {
        for (copies, nodes) in [(1, 1), (1, 3), (3, 2), (3, 3), (2, 2)] {
            enough(copies, nodes).unwrap();
        }
        for (copies, nodes) in [(3, 1), (2, 1), (0, 3), (1, 0)] {
            enough(copies, nodes).unwrap_err();
        }
    }
}
