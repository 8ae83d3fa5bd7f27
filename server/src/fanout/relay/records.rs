//! Where nodes keep how they show their users, for those nodes that begin to watch. It is worth nothing without the nodes
//! that wrote it: it lives in memory, and a node's records end when the node has not said for a while that it lives.

use std::time::Duration;

use async_trait::async_trait;
use guildhall_proto::ids::{GuildId, UserId};

use super::ReadResult;
use crate::fanout::presence::{NodeId, Record};

/// Records of a node that has not said for this long that it lives count as gone.
pub const NODE_LIFE: Duration = Duration::from_secs(30);

/// A record that has changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// As it is now.
    pub record: Record,
    /// Guilds that it does not stand in any more.
    pub left: Vec<GuildId>,
}

/// The records of all nodes.
#[async_trait]
pub trait Records: Send + Sync + 'static {
    /// A node lives for another `NODE_LIFE`. `false`: it had been forgotten, so all its records are to be written again.
    async fn beat(&self, node: NodeId) -> ReadResult<bool>;

    /// Writes records; those of users who are not there go.
    async fn write(&self, changes: &[Change]) -> ReadResult<()>;

    /// The records of living nodes that stand in a guild.
    async fn in_guild(&self, guild: GuildId) -> ReadResult<Vec<Record>>;

    /// The records of living nodes of one user.
    async fn of_user(&self, user: UserId) -> ReadResult<Vec<Record>>;

    /// A node ends.
    async fn leave(&self, node: NodeId) -> ReadResult<()>;
}
