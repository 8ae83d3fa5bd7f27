//! Settings: what can be set, where from, and what it is in the end.
//!
//! One list holds every key with its words, default and range. Flags, environment, file, the commented template and the
//! checks are all made from it, so none of them can know a key that another does not. A flag wins over the environment,
//! that over the file, and that over the default.

mod engines;
mod file;
mod key;
mod load;
mod render;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;

use guildhall_web_bridge::Origin;

pub use engines::{Address, MessagesUrl, RelayUrl, Secret, StoreUrl};
pub use key::{Key, Values};
pub use load::{Error, Loaded, Source, file_place, flags, load};
pub use render::{show, template};
pub use value::{Consistency, LogFormat, RateLimits, Registration};

use key::settings;

/// Name of the settings file inside the data directory.
pub const FILE_NAME: &str = "guildhall.toml";

settings! {
    /// Where to listen. Port 0 takes any free one.
    listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 7420)), Values::Text("ADDR:PORT");
    /// Directory of the database. It is made if it does not exist, and belongs to one server at a time.
    data_dir: PathBuf = PathBuf::from("guildhall-data"), Values::Text("DIR");
    /// Where everything is stored. `sqlite:` is one file in the data directory, for one process; `postgres://` serves any
    /// number of nodes.
    store: StoreUrl = StoreUrl::Sqlite, Values::Text("sqlite: | postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE");
    /// Where the logs of channels are stored, if they outgrow Postgres. Its tables are made by `guildhall-server migrate up`.
    messages: Option<MessagesUrl> = None, Values::Text("cassandra://[USER:PASSWORD@]HOST[:PORT][,HOST...]/KEYSPACE");
    /// How many of Cassandra's copies take part in every read and write. `local_quorum` only if all servers are in one data
    /// centre, and the same on all of them: else there is no one order.
    messages_consistency: Consistency = Consistency::Quorum, Values::Choice(&["quorum", "local_quorum"]);
    /// The data centre of Cassandra that is asked first. Not set: any.
    messages_datacenter: Option<String> = None, Values::Text("NAME");
    /// Starts although Cassandra acknowledges writes that are not on disk yet (`commitlog_sync` other than `batch`): what
    /// was acknowledged may then be lost when a machine fails.
    accept_weak_durability: bool = false, Values::Switch;
    /// Connections of one node to Postgres.
    store_connections: u32 = 16, Values::Number { min: 2, max: 1_000, unit: "connections" };
    /// The bus between nodes. Without it nodes tell each other through Postgres.
    relay: Option<RelayUrl> = None, Values::Text("redis://[USER:PASSWORD@]HOST[:PORT]");
    /// Where other nodes reach this one; never open it to clients. Not set: commands are committed where they arrive, and a
    /// browser must always reach the same node.
    node_listen: Option<SocketAddr> = None, Values::Text("ADDR:PORT");
    /// The address by which other nodes know this one. Not set: that of node_listen.
    node_address: Option<String> = None, Values::Text("HOST:PORT");
    /// What nodes show each other to prove that they belong together: the same on all, at least 32 characters. From the
    /// environment or the settings file only, because everybody on the machine sees the flags of a process.
    cluster_secret: Option<Secret> = None, Values::Secret;
    /// Where operators find `/metrics`, `/healthz` and `/readyz`, in plain HTTP and without a login; never open it to
    /// clients. Not set: there are no metrics, and health is asked for where clients connect.
    metrics_listen: Option<SocketAddr> = None, Values::Text("ADDR:PORT");
    /// Who may make an account: anybody, those with an invite to a guild, or nobody.
    registration: Registration = Registration::Invite, Values::Choice(&["open", "invite", "closed"]);
    /// For development: listens on loopback only, opens registration and reflection unless they are set, and makes a demo
    /// guild with a bot whose token is printed.
    dev: bool = false, Values::Switch;
    /// Serves gRPC reflection, by which anybody can read the contract.
    reflection: bool = false, Values::Switch;
    /// PEM file with the certificate chain. With it the server speaks TLS only.
    tls_cert: Option<PathBuf> = None, Values::Text("FILE");
    /// PEM file with the certificate's private key.
    tls_key: Option<PathBuf> = None, Values::Text("FILE");
    /// Web origins whose pages may call, such as `https://chat.example.org`. Pages of the server's own origin always may.
    allowed_origins: Vec<Origin> = Vec::new(), Values::List("ORIGIN");
    /// What is logged: a level, or levels by module, as in `info,guildhall_server::session=debug`.
    log: String = "info".to_owned(), Values::Text("FILTER");
    /// How it is logged: for people, as JSON, or by whether a person is looking.
    log_format: LogFormat = LogFormat::Auto, Values::Choice(&["auto", "pretty", "json"]);
    /// How long a server that is going down lets clients leave and calls end.
    drain_seconds: u64 = 8, Values::Number { min: 1, max: 300, unit: "seconds" };
    /// Connections from one address (one /64 for IPv6); 0 = any number. Behind a proxy all come from one address.
    max_connections_per_ip: usize = 256, Values::Number { min: 0, max: 1_000_000, unit: "connections" };
    /// Connections in all; 0 = as many as the limit of open files leaves room for.
    max_connections: usize = 0, Values::Number { min: 0, max: 10_000_000, unit: "connections" };
    /// Calls in flight, streams not counted; more are answered OVERLOADED at once.
    max_calls: usize = 1024, Values::Number { min: 1, max: 1_000_000, unit: "calls" };
    /// Whether it is limited how much anybody may do in how short a time: yes; only by user, not by address, for servers behind
    /// a proxy, whose callers all have its address; or not at all.
    rate_limits: RateLimits = RateLimits::On, Values::Choice(&["on", "users", "off"]);
    /// Live gateway sessions of one person; a bot may have twenty times as many.
    max_sessions_per_user: usize = 20, Values::Number { min: 1, max: 1_000_000, unit: "sessions" };
    /// How often a gateway session must show that it lives; after two missed beats it ends.
    heartbeat_seconds: u64 = 30, Values::Number { min: 1, max: 300, unit: "seconds" };
    /// How long a gateway session may take to say who it is.
    identify_timeout_seconds: u64 = 10, Values::Number { min: 1, max: 300, unit: "seconds" };
}

impl Settings {
    /// What these settings contradict each other in; empty = nothing.
    pub fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            found.push("tls_cert and tls_key go together: set both or none".to_owned());
        }
        if self.store == StoreUrl::Sqlite {
            let set = [
                (self.messages.is_some(), "messages"),
                (self.relay.is_some(), "relay"),
                (self.node_listen.is_some(), "node_listen"),
            ];
            for (_, name) in set.iter().filter(|(set, _)| *set) {
                found.push(format!(
                    "{name} is for many nodes, and sqlite: for one process; set store to postgres://..."
                ));
            }
        }
        if self.node_listen.is_some() && self.cluster_secret.is_none() {
            found.push("node_listen needs cluster_secret, the same on all nodes".to_owned());
        }
        if self.dev && !self.listen.ip().to_canonical().is_loopback() {
            found.push(format!(
                "dev opens the server to everybody, so it listens on loopback only, not on {}; leave dev out, or listen on 127.0.0.1",
                self.listen
            ));
        }
        found
    }

    /// The address of a server with these settings that listens on `addr`, as clients write it.
    pub fn url(&self, mut addr: SocketAddr) -> String {
        let scheme = if self.tls_cert.is_some() { "https" } else { "http" };
        if addr.ip().is_unspecified() {
            let loopback = match addr {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            };
            addr.set_ip(loopback);
        }
        format!("{scheme}://{addr}")
    }
}

#[cfg(test)]
mod tests;
