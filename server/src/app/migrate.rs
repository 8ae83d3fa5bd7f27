//! `migrate up`: brings the schemas of the engines that the settings name to this version.
//!
//! Postgres is brought there at every start as well. Cassandra is not: nodes that make tables at the same time may leave
//! it with several schemas.

use clap::{Arg, ArgMatches, Command};

use super::StartError;
use super::engines::{Engines, messages_options, patiently};
use crate::config::{self, Settings};
use crate::store::cassandra::{self, Layout, Replication};

const REPLICATION: &str = "replication";

/// The command line's part.
pub(super) fn tree() -> Command {
    let up = Command::new("up")
        .about("Makes or updates the tables, and waits until all nodes of Cassandra agree on them")
        .arg(replication())
        .args(config::flags());
    Command::new("migrate")
        .about("Makes and updates tables")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(up)
}

/// The flag that says how many copies a new keyspace has.
pub(super) fn replication() -> Arg {
    Arg::new(REPLICATION).long(REPLICATION).value_name("N | DC:N[,DC:N...]").help(
        "Copies of the channel logs in Cassandra, or copies in each data centre; only for a keyspace that is made now \
         [default: 3]",
    )
}

/// The copies that the arguments ask for.
///
/// # Errors
/// With what is wrong with them.
pub(super) fn layout(matches: &ArgMatches) -> Result<Layout, String> {
    let text = matches.get_one::<String>(REPLICATION).map_or("3", String::as_str);
    let wrong = || format!("--{REPLICATION}: `{text}` is neither a number from 1 nor a list like east:3,west:3");
    let copies = |text: &str| text.parse::<u8>().ok().filter(|copies| *copies > 0).ok_or_else(wrong);
    let replication = if text.contains(':') {
        let centres = text.split(',').map(|centre| {
            let (name, number) = centre.split_once(':').filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)?;
            Ok((name.to_owned(), copies(number)?))
        });
        Replication::Datacenters(centres.collect::<Result<_, String>>()?)
    } else {
        Replication::Simple(copies(text)?)
    };
    Ok(Layout { replication, ..Layout::default() })
}

/// Does it; returns what was done, for people.
///
/// # Errors
/// As a start of the server.
pub(super) async fn up(settings: &Settings, layout: &Layout) -> Result<String, StartError> {
    if let Some(messages) = &settings.messages {
        let options = messages_options(settings, messages);
        patiently(async || cassandra::migrate(&options, layout).await.map_err(StartError::Cassandra)).await?;
    }
    // Opening is what brings these there.
    let engines = Engines::open(settings).await?;
    engines.close().await;
    Ok("the tables are of this version".to_owned())
}
