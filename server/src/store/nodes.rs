//! The nodes that share an engine, as they find each other.

use async_trait::async_trait;

use super::Result;

/// A process that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Random, new with each start.
    pub id: u64,
    /// Where other nodes reach it: `host:port`.
    pub address: String,
    /// When it came, in Unix milliseconds by the engine's clock.
    pub start_ms: u64,
    /// How many sessions live on it, as it last said.
    pub load: u32,
}

/// Who is there. All times are the engine's, so that the clocks of nodes do not matter.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Says that a node is there, for the next ten seconds. The start is what the engine made of its first beat.
    async fn beat(&self, id: u64, address: &str, load: u32) -> Result<()>;

    /// All nodes that are there, by id.
    async fn live(&self) -> Result<Vec<Node>>;

    /// Says that a node is going.
    async fn leave(&self, id: u64) -> Result<()>;
}
