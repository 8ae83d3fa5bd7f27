//! The other nodes: who is there, which of them commits a channel's sends, and how to ask one.
//!
//! Absent in one process alone. What is known here may be late or wrong, and costs speed when it is: order and durability
//! are the engine's. Two nodes that disagree about who is there race on a channel; they never wait for each other.

#[allow(missing_docs, unreachable_pub, clippy::all)]
pub(crate) mod generated {
    include!("generated/guildhall.internal.v1.rs");
}
mod key;
mod membership;
mod patience;
mod peer;
mod push;
mod rendezvous;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, stream::FuturesUnordered};
use guildhall_proto::ids::ChannelId;
use parking_lot::Mutex;
use tonic::metadata::{Ascii, MetadataValue};

use crate::{
    sequencer::{Answer, Command, Router, Sequencer, Unanswered},
    store::{Node, Registry},
};
pub use key::Key;
pub use membership::Membership;
use peer::Peer;
pub use push::{Bearer, PushFailure};
pub use rendezvous::score;
pub use wire::Unreadable;

/// The largest request between nodes, in bytes.
pub const REQUEST_BYTES_MAX: usize = 4 << 20;

/// What a node is started with.
pub struct Options {
    /// Where the others reach it: `host:port`.
    pub address: String,
    /// The secret that all nodes share.
    pub secret: String,
    /// Where they find each other.
    pub registry: Arc<dyn Registry>,
}

/// This node, and the others as it knows them. A cheap handle.
#[derive(Clone)]
pub struct Nodes(Arc<Shared>);

struct Shared {
    id: u64,
    address: String,
    key: Key,
    proof: Option<MetadataValue<Ascii>>,
    registry: Arc<dyn Registry>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// All that are there, this one too once it has joined.
    live: Vec<Node>,
    peers: Arc<[Arc<Peer>]>,
}

impl Nodes {
    /// A node that the others do not know yet. Its id is new.
    pub fn new(options: Options) -> Self {
        let Options { address, secret, registry } = options;
        let key = Key::new(&secret);
        let proof = key.header();
        Self(Arc::new(Shared { id: rand::random(), address, key, proof, registry, known: Mutex::default() }))
    }

    /// This node. Ids of its gateway sessions begin with it.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// What the others must prove to know.
    pub fn key(&self) -> &Key {
        &self.0.key
    }

    /// All nodes that are there, as of the last time that the registry answered.
    pub fn live(&self) -> Vec<Node> {
        self.0.known.lock().live.clone()
    }

    /// The node that is to commit the sends of a channel, as of now.
    pub fn owner(&self, channel: ChannelId) -> u64 {
        self.owning_peer(channel).map_or(self.0.id, |peer| peer.id())
    }

    /// Whether any other node says that the database answers it. It is asked now, and those that were there when the
    /// registry last answered are asked.
    pub async fn others_reach_database(&self) -> bool {
        let peers = self.peers();
        let mut asked: FuturesUnordered<_> = peers.iter().map(|peer| peer.reaches_database()).collect();
        while let Some(reaches) = asked.next().await {
            if reaches {
                return true;
            }
        }
        false
    }

    /// Other nodes that do what they are asked, and those that failed lately.
    pub fn others(&self) -> (usize, usize) {
        let peers = self.peers();
        let avoided = peers.iter().filter(|peer| peer.is_avoided()).count();
        (peers.len() - avoided, avoided)
    }

    /// The peer that owns a channel; `None`: this node does. One that failed lately owns nothing.
    fn owning_peer(&self, channel: ChannelId) -> Option<Arc<Peer>> {
        let own = rendezvous::score(self.0.id, channel);
        let peers = self.peers();
        let above = peers.iter().map(|peer| (rendezvous::score(peer.id(), channel), peer));
        let above = above.filter(|(score, peer)| *score > own && !peer.is_avoided());
        above.max_by_key(|(score, _)| *score).map(|(_, peer)| Arc::clone(peer))
    }

    fn peer(&self, id: u64) -> Option<Arc<Peer>> {
        self.peers().iter().find(|peer| peer.id() == id).cloned()
    }

    fn peers(&self) -> Arc<[Arc<Peer>]> {
        Arc::clone(&self.0.known.lock().peers)
    }

    /// Takes over who is there. Peers that stay keep their connection.
    fn update(&self, live: Vec<Node>) {
        let mut known = self.0.known.lock();
        let others = live.iter().filter(|node| node.id != self.0.id);
        let peers = others.filter_map(|node| {
            let old = known.peers.iter().find(|peer| peer.is(node)).cloned();
            old.or_else(|| Peer::new(node, self.0.proof.clone()?).map(Arc::new))
        });
        known.peers = peers.collect();
        known.live = live;
    }
}

#[async_trait]
impl Router for Nodes {
    fn elsewhere(&self, channel: ChannelId) -> bool {
        self.owning_peer(channel).is_some()
    }

    async fn commit(&self, channel: ChannelId, time_ms: u64, sends: &[&Command]) -> Result<Vec<Answer>, Unanswered> {
        let peer = self.owning_peer(channel).ok_or(Unanswered)?;
        let request = wire::request(channel, time_ms, sends).ok_or(Unanswered)?;
        peer.commit(request).await
    }
}

/// Commits what another node asks for. Never handed on, whoever owns the channel.
///
/// # Errors
/// The request says nothing that can be committed; nothing was done.
pub(crate) async fn commit(
    sequencer: &Sequencer,
    request: generated::CommitRequest,
) -> Result<generated::CommitResponse, Unreadable> {
    let asked = wire::asked(request)?;
    let count = asked.commands.len();
    let mut outcomes = Vec::with_capacity(count);
    match sequencer.submit_handed(asked.channel, asked.time_ms, asked.commands) {
        Ok(tickets) => {
            for ticket in tickets {
                outcomes.push(wire::outcome(ticket.wait().await));
            }
        }
        Err(refusal) => outcomes.resize(count, wire::outcome(Err(refusal))),
    }
    Ok(generated::CommitResponse { outcomes })
}
