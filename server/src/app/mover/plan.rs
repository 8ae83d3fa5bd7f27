//! What a move was told: from where, to where, and how the target's tables are made. Addresses may hold passwords, which
//! everybody on the machine sees among the arguments of a process; so they may stand in the environment.

use clap::{Arg, ArgMatches, Command};

use super::super::migrate;
use crate::config::{self, Settings};
use crate::store::cassandra::Layout;

/// The command's name.
pub(in crate::app) const NAME: &str = "migrate-store";

const FROM: &str = "from";
const FROM_MESSAGES: &str = "from_messages";
const TO: &str = "to";
const ABOUT: &str = "Moves everything that is stored into another store";
const LONG: &str = "\
Moves everything that is stored into another store: users, logins, guilds, channels, messages, with their ids, seqs and \
epochs, so that clients go on where they were.

No server may run on either store. The target has to be empty; its tables are made. Broken off, the same command goes on \
from where it was; until it has compared both stores at its end, no server starts on the target. The source is only read, \
except that its tables are brought to this version.

STORE is sqlite:DIRECTORY or postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE.";

/// A move that makes sense.
pub(in crate::app) struct Plan {
    /// The settings of a server on the source.
    pub(in crate::app) source: Settings,
    /// The settings of a server on the target.
    pub(in crate::app) target: Settings,
    /// How a new keyspace is made.
    pub(super) layout: Layout,
}

type Environment = Vec<(String, String)>;

/// The command line's part.
pub(in crate::app) fn tree() -> Command {
    let from = Arg::new(FROM).long("from").value_name("STORE").help("The source [env: GUILDHALL_MIGRATE_FROM]");
    let from_messages = Arg::new(FROM_MESSAGES)
        .long("from-messages")
        .value_name("cassandra://...")
        .help("Where the source has its messages, if not in the store [env: GUILDHALL_MIGRATE_FROM_MESSAGES]");
    let to = Arg::new(TO).long("to").value_name("STORE").help("The target [env: GUILDHALL_MIGRATE_TO]");
    // What a server is told of its store and its log; the rest means nothing here.
    let shown = ["config", "messages", "messages_consistency", "messages_datacenter", "accept_weak_durability", "log"];
    let flags = config::flags().into_iter().map(|flag| {
        let id = flag.get_id().as_str().to_owned();
        match id.as_str() {
            "messages" => flag.help("Where the target is to have its messages [env: GUILDHALL_MIGRATE_MESSAGES]"),
            _ => flag.hide(!shown.contains(&id.as_str())),
        }
    });
    Command::new(NAME).about(ABOUT).long_about(LONG).args([from, from_messages, to, migrate::replication()]).args(flags)
}

/// What the arguments and the environment say.
///
/// # Errors
/// With what is wrong or missing.
pub(in crate::app) fn plan(flags: &ArgMatches, environment: Environment) -> Result<Plan, String> {
    let said = |id: &str, variable: &str| {
        let of_environment = || environment.iter().find(|(name, _)| name == variable).map(|(_, value)| value.clone());
        flags.get_one::<String>(id).cloned().or_else(of_environment)
    };
    let missing = |flag: &str| format!("--{flag} is missing\n`guildhall-server {NAME} --help` tells more");
    let from = said(FROM, "GUILDHALL_MIGRATE_FROM").ok_or_else(|| missing("from"))?;
    let to = said(TO, "GUILDHALL_MIGRATE_TO").ok_or_else(|| missing("to"))?;
    let layout = migrate::layout(flags)?;
    let from_messages = said(FROM_MESSAGES, "GUILDHALL_MIGRATE_FROM_MESSAGES");
    let to_messages = said("messages", "GUILDHALL_MIGRATE_MESSAGES");
    // The target's flags are none of the source's.
    let none = Command::new(NAME).args(config::flags()).get_matches_from([NAME]);
    let source = settings(&none, &environment, ("--from", &from), from_messages)?;
    let target = settings(flags, &environment, ("--to", &to), to_messages)?;
    Ok(Plan { source, target, layout })
}

/// Settings of a server on a store. Whatever else they say of stores is about another server.
fn settings(
    flags: &ArgMatches,
    environment: &Environment,
    (flag, store): (&str, &str),
    messages: Option<String>,
) -> Result<Settings, String> {
    let own = ["STORE", "DATA_DIR", "MESSAGES", "RELAY", "NODE_LISTEN"].map(|name| format!("GUILDHALL_{name}"));
    let mut environment: Environment = environment.iter().filter(|(name, _)| !own.contains(name)).cloned().collect();
    let set = |name: &str, value: &str| (format!("GUILDHALL_{name}"), value.to_owned());
    match store.strip_prefix("sqlite:") {
        Some("") => return Err(format!("{flag}: sqlite: needs the data directory, as in sqlite:guildhall-data")),
        Some(directory) => environment.extend([set("STORE", "sqlite:"), set("DATA_DIR", directory)]),
        None => environment.push(set("STORE", store)),
    }
    environment.extend(messages.map(|messages| set("MESSAGES", &messages)));
    let loaded = config::load(flags, environment);
    loaded.map(|loaded| loaded.settings).map_err(|error| error.to_string().replace("GUILDHALL_STORE", flag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Plan, String> {
        let flags = tree().get_matches_from([&[NAME], arguments].concat());
        plan(&flags, environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn both_ends_are_told_apart() {
        let messages = "--messages=cassandra://c/k";
        let plan = planned(&["--from=sqlite:/old", "--to=postgres://u@h/d", messages, "--replication=2"], &[]).unwrap();
        assert_eq!(plan.source.data_dir.to_str(), Some("/old"));
        assert!(plan.source.messages.is_none() && plan.target.messages.is_some());
        // Those of a server that is set up on this machine already are about that one.
        let other = [("GUILDHALL_STORE", "postgres://a/b"), ("GUILDHALL_MESSAGES", "cassandra://x/y")];
        let named = [("GUILDHALL_MIGRATE_FROM", "postgres://h/d"), ("GUILDHALL_MIGRATE_TO", "sqlite:/new")];
        let plan = planned(&[], &[other, named].concat()).unwrap();
        assert!(plan.source.messages.is_none() && plan.target.messages.is_none());
        assert_eq!(plan.target.data_dir.to_str(), Some("/new"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (arguments, word) in [
            (&["--to=sqlite:/a"][..], "--from"),
            (&["--from=sqlite:/a"], "--to"),
            (&["--from=sqlite:", "--to=sqlite:/a"], "data directory"),
            (&["--from=mysql://u:hunter2@a/b", "--to=sqlite:/a"], "--from"),
            (&["--from=sqlite:/a", "--to=sqlite:/b", "--messages=cassandra://c/k"], "messages"),
            (&["--from=sqlite:/a", "--to=postgres://a/b", "--replication=0"], "--replication"),
        ] {
            let why = planned(arguments, &[]).err().unwrap();
            assert!(why.contains(word) && !why.contains("hunter2"), "{arguments:?}: {why}");
        }
    }
}
