//! What the server is measured against: the same bytes with as little work as can be. Each baseline is a child process
//! of the benchmark, so that its CPU time can be told from the load generator's.

pub(crate) mod cassandra;
mod echo;
pub(crate) mod postgres;
mod raw;
pub(crate) mod rows;
mod shape;
mod stream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Subcommand;

use shape::Shape;

/// Opens a stream of events.
pub(crate) const SUBSCRIBE: &str = "/bench.Bare/Subscribe";
/// Sends an event to all who subscribed, for each message that comes.
pub(crate) const PUBLISH: &str = "/bench.Bare/Publish";
/// Answers each message once it is stored.
pub(crate) const ECHO: &str = "/bench.Bare/Echo";

/// A baseline, as the benchmark calls itself for it.
#[derive(Debug, Subcommand)]
pub(crate) enum Baseline {
    /// Streams pre-encoded bytes to whoever subscribes
    #[command(name = "baseline-stream", hide = true)]
    Stream {
        /// Where to listen
        addr: SocketAddr,
        /// File with the first message of each stream
        hello: PathBuf,
        /// File with every other message
        event: PathBuf,
    },
    /// Stores each message and answers with pre-encoded bytes
    #[command(name = "baseline-echo", hide = true)]
    Echo {
        /// Where to listen
        addr: SocketAddr,
        /// Directory of the database
        data: PathBuf,
        /// File with the answer
        reply: PathBuf,
    },
    /// Stores messages as fast as it can, prints how many a second
    #[command(name = "baseline-writer", hide = true)]
    Writer {
        /// Directory of the database
        data: PathBuf,
        /// For how long
        seconds: f64,
    },
    /// Stores rows in Postgres as fast as it can, prints how many a second
    #[command(name = "baseline-postgres", hide = true)]
    Postgres {
        /// A server's database
        url: String,
        #[command(flatten)]
        shape: Shape,
    },
    /// Stores rows in Cassandra as fast as it can, prints how many a second
    #[command(name = "baseline-cassandra", hide = true)]
    Cassandra {
        /// Nodes, by commas
        nodes: String,
        /// A server's keyspace
        keyspace: String,
        #[command(flatten)]
        shape: Shape,
    },
}

impl Baseline {
    /// Runs until it is killed, or its time is over.
    pub(crate) fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        match self {
            Self::Stream { addr, hello, event } => {
                runtime.block_on(stream::serve(addr, std::fs::read(hello)?.into(), std::fs::read(event)?.into()))
            }
            Self::Echo { addr, data, reply } => {
                runtime.block_on(echo::serve(addr, &data, std::fs::read(reply)?.into()))
            }
            Self::Writer { data, seconds } => {
                let rate = rows::Rows::open(&data)?.write_for(Duration::from_secs_f64(seconds))?;
                println!("{rate}");
                Ok(())
            }
            Self::Postgres { url, shape } => {
                println!("{}", runtime.block_on(postgres::write(&url, &shape))?);
                Ok(())
            }
            Self::Cassandra { nodes, keyspace, shape } => {
                println!("{}", runtime.block_on(cassandra::write(&nodes, &keyspace, &shape))?);
                Ok(())
            }
        }
    }
}
