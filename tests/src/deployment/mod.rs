//! A deployment: what a black-box test is written against. It is one server process over SQLite, or three nodes over one
//! Postgres, or those with Redis and Cassandra beside (`GUILDHALL_TEST_DEPLOYMENT`). The tests ask it for addresses, users
//! and faults, and hold for all of them.
//!
//! Whoever asks for a client or a connection gets it at the next node in turn, so that in a test with two people these are
//! at two nodes. A fault without a number happens to all nodes at once.

mod database;
mod faults;
mod health;
mod kind;
mod network;
mod node;
mod people;
mod services;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::binaries::{SERVER, binary};
use crate::eventually::PATIENCE;
use crate::process::Exit;

use kind::Engines;
use node::Node;

pub use kind::{Database, Kind, VARIABLE, keyspace, service};
pub use network::Network;
pub use people::{Guild, PASSWORD, User};
pub use services::Services;

/// A running deployment. Dropped, it is gone without a trace; if the test failed, the end of its log is shown.
#[derive(Debug)]
pub struct Deployment {
    settings: Vec<(&'static str, String)>,
    kind: Kind,
    // Before what they stand on: at their end they show their log, if that is wanted.
    nodes: Vec<Node>,
    engines: Option<Engines>,
    dir: TempDir,
    users: tokio::sync::Mutex<HashMap<String, User>>,
    next: AtomicUsize,
}

/// How a deployment is to run.
#[derive(Debug)]
pub struct Builder {
    settings: Vec<(&'static str, String)>,
    kind: Kind,
    with_network: bool,
    with_metrics: bool,
    bare: bool,
}

impl Builder {
    /// Sets a key of the server's settings, such as `heartbeat_seconds`.
    #[must_use]
    pub fn set(mut self, key: &'static str, value: impl ToString) -> Self {
        self.settings.push((key, value.to_string()));
        self
    }

    /// Of this kind, whichever is tested.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Puts proxies between the nodes and what they stand on, for faults: see `Deployment::networks`.
    #[must_use]
    pub fn with_network(mut self) -> Self {
        self.with_network = true;
        self
    }

    /// Gives each node a port for its operators: see `Deployment::metrics`.
    #[must_use]
    pub fn with_metrics(mut self) -> Self {
        self.with_metrics = true;
        self
    }

    /// Leaves its stores without tables, for a move to make them; a keyspace of its own is among them.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// Starts it.
    pub async fn start(self) -> Deployment {
        let mut deployment = self.prepare().await;
        deployment.restart().await;
        deployment
    }

    /// Takes its ports, its database and its directories, but starts nothing yet.
    pub async fn prepare(self) -> Deployment {
        let dir = TempDir::with_prefix("guildhall-it-").expect("a temporary directory");
        let log = |number| dir.path().join(format!("server-{number}.log"));
        Deployment {
            settings: self.settings,
            kind: self.kind,
            nodes: (0..self.kind.nodes()).map(|number| Node::new(log(number), self.with_metrics)).collect(),
            engines: Engines::prepare(self.kind, self.with_network, dir.path(), self.bare).await,
            dir,
            users: tokio::sync::Mutex::default(),
            next: AtomicUsize::new(0),
        }
    }
}

impl Deployment {
    /// A deployment with settings of its own.
    pub fn builder() -> Builder {
        let (with_network, with_metrics, bare) = (false, false, false);
        Builder { settings: Vec::new(), kind: Kind::tested(), with_network, with_metrics, bare }
    }

    /// One process over SQLite, whichever deployment is tested: for what only it has.
    pub fn embedded() -> Builder {
        Self::builder().kind(Kind::Embedded)
    }

    /// A deployment as it comes, but open to everybody.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// What it is made of.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Sets a key of the settings for the next start.
    pub fn set(&mut self, key: &'static str, value: impl ToString) {
        self.settings.retain(|(known, _)| *known != key);
        self.settings.push((key, value.to_string()));
    }

    /// The addresses of its nodes.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Node::url).collect()
    }

    /// The address of a node, another one for another number if there are several.
    pub fn url(&self, number: usize) -> String {
        self.nodes[number % self.nodes.len()].url()
    }

    /// The address of the node whose turn it is.
    pub fn next_url(&self) -> String {
        self.url(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// A directory for the files of the test, gone with the deployment.
    pub fn scratch(&self) -> &Path {
        self.dir.path()
    }

    /// Where its data lies; of several nodes, whatever the first one has beside the database.
    pub fn data_dir(&self) -> PathBuf {
        self.data_dir_of(0)
    }

    fn data_dir_of(&self, number: usize) -> PathBuf {
        let name = if number == 0 { "data".to_owned() } else { format!("data-{number}") };
        self.dir.path().join(name)
    }

    /// All that its nodes said.
    pub fn said(&self) -> String {
        let bytes = self.nodes.iter().map(|node| std::fs::read(&node.log).unwrap_or_default());
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
    }

    /// The command that starts its first node at this port; 0 is any free one.
    pub fn command(&self, port: u16) -> Command {
        self.command_of(0, port)
    }

    /// What `migrate-store` is told of its stores.
    pub fn target_flags(&self) -> Vec<String> {
        match &self.engines {
            None => vec![format!("--to=sqlite:{}", self.data_dir().display())],
            Some(engines) => {
                let flags = engines.flags(0).into_iter().map(|flag| flag.replace("--store=", "--to="));
                flags.filter(|flag| flag.starts_with("--to=") || flag.starts_with("--messages=")).collect()
            }
        }
    }

    fn command_of(&self, number: usize, port: u16) -> Command {
        let mut command = Command::new(binary(SERVER));
        clear_environment(&mut command);
        command.arg("serve").arg("--listen").arg(format!("127.0.0.1:{port}"));
        command.arg("--data-dir").arg(self.data_dir_of(number));
        if let Some(engines) = &self.engines {
            command.args(engines.flags(number)).env("GUILDHALL_CLUSTER_SECRET", kind::SECRET);
            command.arg("--node-listen").arg(format!("127.0.0.1:{}", self.nodes[number].node_port));
        }
        self.nodes[number].set_clock(&mut command);
        if let Some(port) = self.nodes[number].metrics_port {
            command.arg(format!("--metrics-listen=127.0.0.1:{port}"));
        }
        let is_set = |name| self.settings.iter().any(|(key, _)| *key == name);
        if self.engines.is_some() && !is_set("store_connections") {
            command.arg(format!("--store-connections={}", kind::CONNECTIONS));
        }
        if !is_set("registration") {
            command.args(["--registration", "open"]);
        }
        // Tests do in a second what people do in a day.
        if !self.settings.iter().any(|(key, _)| *key == "rate_limits") {
            command.args(["--rate-limits", "off"]);
        }
        for (key, value) in &self.settings {
            command.arg(format!("--{}={value}", key.replace('_', "-")));
        }
        command
    }

    /// Starts it, or starts it again, at the same addresses on the same data, and waits until it serves.
    pub async fn restart(&mut self) {
        self.launch();
        self.serving().await;
    }

    /// Starts all nodes without waiting for anything.
    pub fn launch(&mut self) {
        (0..self.nodes.len()).for_each(|number| self.launch_node(number));
    }

    /// Waits until all nodes serve.
    pub async fn serving(&mut self) {
        for node in &mut self.nodes {
            node.serving().await;
        }
    }

    /// Kills all nodes: SIGKILL, nothing is told to anybody.
    pub fn kill9(&mut self) {
        self.nodes.iter_mut().for_each(Node::kill9);
    }

    /// Asks all nodes to go down, and waits until they are gone.
    pub async fn terminate(&mut self) -> Exit {
        self.signal(Signal::TERM);
        self.exit(PATIENCE).await
    }

    /// Waits until all nodes are gone: how the first one ended, or the first one that did not end well, and how long the
    /// slowest one took.
    pub async fn exit(&mut self, within: Duration) -> Exit {
        let exits = futures_util::future::join_all(self.nodes.iter_mut().map(|node| node.exit(within))).await;
        let status = exits.iter().map(|exit| exit.status).find(|status| !status.success());
        let took = exits.iter().map(|exit| exit.took).max().unwrap_or_default();
        Exit { status: status.unwrap_or(exits[0].status), took }
    }

    /// Stops all nodes in their tracks, as a machine that hangs.
    pub fn pause(&mut self) {
        self.signal(Signal::STOP);
    }

    /// Lets paused nodes go on.
    pub fn resume(&mut self) {
        self.signal(Signal::CONT);
    }

    /// Sends a signal to all nodes.
    pub fn signal(&mut self, signal: Signal) {
        self.nodes.iter_mut().for_each(|node| node.signal(signal));
    }

    /// The process ids of its nodes that were started, in order.
    pub fn pids(&self) -> Vec<u32> {
        self.nodes.iter().filter_map(Node::pid).collect()
    }

    /// The address of its database; embedded, it has none of its own.
    pub fn database_url(&self) -> Option<String> {
        self.engines.as_ref().map(|engines| engines.database_url())
    }

    /// Bytes of memory that all nodes hold together.
    pub fn rss_bytes(&self) -> u64 {
        self.nodes.iter().map(Node::rss_bytes).sum()
    }
}

/// Settings of whoever runs the tests are none of theirs.
pub fn clear_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GUILDHALL_") {
            command.env_remove(name);
        }
    }
}
