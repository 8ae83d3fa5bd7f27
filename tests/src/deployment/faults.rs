//! Faults of one node, and of its network.

use guildhall::ChannelId;
use rustix::process::Signal;
use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, Row};

use super::{Deployment, Network};
use crate::eventually::PATIENCE;
use crate::process::Exit;

impl Deployment {
    /// The proxies between each node and what it stands on.
    ///
    /// # Panics
    /// If it was not built with them.
    pub fn networks(&mut self) -> &mut [Network] {
        let networks = self.engines.as_mut().map(|engines| engines.networks.as_mut_slice()).unwrap_or_default();
        assert!(!networks.is_empty(), "it was built with a network");
        networks
    }

    /// The node that commits the sends of a channel, by what the nodes know of each other; the only one there is.
    ///
    /// # Panics
    /// If the nodes do not know each other.
    pub async fn owner(&self, channel: ChannelId) -> usize {
        let Some(engines) = &self.engines else { return 0 };
        let mut database = PgConnection::connect(&engines.database_url()).await.expect("Postgres");
        let nodes = sqlx::query("SELECT id, address FROM nodes WHERE expire_time > clock_timestamp()");
        let nodes = nodes.fetch_all(&mut database).await.expect("the nodes");
        let score = |row: &PgRow| guildhall_server::nodes::score(row.get::<i64, _>(0).cast_unsigned(), channel);
        let owner = nodes.iter().max_by_key(|row| score(row)).expect("a node");
        let port = owner.get::<String, _>(1).rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
        self.nodes.iter().position(|node| Some(node.node_port) == port).expect("the node is one of ours")
    }

    /// From its next start on, a node's clock is so many seconds off.
    pub fn set_clock(&mut self, number: usize, seconds: i64) {
        self.nodes[number].clock_seconds = seconds;
    }

    /// Starts a node, or starts it again, and waits until it serves.
    pub async fn restart_node(&mut self, number: usize) {
        self.launch_node(number);
        self.nodes[number].serving().await;
    }

    /// Starts a node without waiting for anything.
    pub fn launch_node(&mut self, number: usize) {
        let command = self.command_of(number, self.nodes[number].port);
        self.nodes[number].launch(command);
    }

    /// Kills a node: SIGKILL, nothing is told to anybody.
    pub fn kill9_node(&mut self, number: usize) {
        self.nodes[number].kill9();
    }

    /// Asks a node to go down, and waits until it is gone.
    pub async fn terminate_node(&mut self, number: usize) -> Exit {
        self.nodes[number].signal(Signal::TERM);
        self.nodes[number].exit(PATIENCE).await
    }

    /// Stops a node in its tracks, as a machine that hangs.
    pub fn pause_node(&mut self, number: usize) {
        self.nodes[number].signal(Signal::STOP);
    }

    /// Lets a paused node go on.
    pub fn resume_node(&mut self, number: usize) {
        self.nodes[number].signal(Signal::CONT);
    }
}
