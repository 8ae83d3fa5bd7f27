//! `export` and `import`: one guild as a file of JSON lines, out of the store that the settings name and into it.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};
use guildhall_proto::ids::GuildId;

use super::StartError;
use super::engines::Engines;
use crate::chat::portable::{self, Outcome};
use crate::clock::Clock;
use crate::config::{self, Settings};

/// The commands' names.
pub(super) const EXPORT: &str = "export";
pub(super) const IMPORT: &str = "import";

const GUILD: &str = "guild";
const FILE: &str = "file";
/// In place of a file: standard input or output.
const STANDARD: &str = "-";

/// Why nothing was exported or imported.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The store cannot be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The file cannot be opened.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Something on the way.
    #[error(transparent)]
    Guild(#[from] portable::Error),
}

/// The command line's part.
pub(super) fn trees() -> [Command; 2] {
    let guild = Arg::new(GUILD).long(GUILD).value_name("ID").required(true).value_parser(value_parser!(u64));
    let export = Command::new(EXPORT)
        .about("Writes a guild with its messages as lines of JSON")
        .long_about(
            "Writes a guild as lines of JSON: its channels, members with their public profiles, events and messages. \
             Passwords, logins and codes of invites are not in it.\n\nOver SQLite the server has to be stopped; over \
             Postgres servers may run, and each channel is written up to where it is then.",
        )
        .arg(guild.help("The guild"))
        .arg(Arg::new(FILE).long("output").value_name("FILE").default_value(STANDARD).help("Where to; - = stdout"))
        .args(config::flags());
    let import = Command::new(IMPORT)
        .about("Makes a guild of such lines")
        .long_about(
            "Makes a guild of the lines that `export` wrote. Ids stay as they are unless they are taken. Whoever has the \
             same id and name here is the same user; of the others placeholders are made, as which nobody can log in. A \
             file that makes no sense is refused with the line, and leaves no guild behind.",
        )
        .arg(Arg::new(FILE).long("input").value_name("FILE").default_value(STANDARD).help("Where from; - = stdin"))
        .args(config::flags());
    [export, import]
}

/// Exports; returns what was done, for people.
///
/// # Errors
/// The store or the file cannot be opened; there is no such guild; one of them fails.
pub(super) async fn export(flags: &ArgMatches, settings: &Settings) -> Result<String, Error> {
    let guild = GuildId(flags.get_one(GUILD).copied().unwrap_or_default());
    let engines = Engines::open(settings).await?;
    let exported = async {
        let mut out = output(flags)?;
        Ok(portable::export(&engines.store, guild, &mut out).await?)
    };
    let exported = exported.await;
    engines.close().await;
    exported.map(|outcome| said("exported", &outcome))
}

/// Imports; returns what was done, for people.
///
/// # Errors
/// The store or the file cannot be opened; a line makes no sense; the store fails.
pub(super) async fn import(flags: &ArgMatches, settings: &Settings) -> Result<String, Error> {
    let mut from = input(flags)?;
    let engines = Engines::open(settings).await?;
    let imported = portable::import(&engines.store, &Clock::system(), &mut from).await;
    engines.close().await;
    Ok(said("imported", &imported?))
}

fn said(done: &str, outcome: &Outcome) -> String {
    let Outcome { guild, channels, members, entries, placeholders } = outcome;
    let strangers = match placeholders {
        0 => String::new(),
        _ => format!("; {placeholders} users were made as which nobody can log in"),
    };
    format!("{done} guild {guild}: {channels} channels, {members} members, {entries} entries{strangers}")
}

fn path(flags: &ArgMatches) -> Option<PathBuf> {
    flags.get_one::<String>(FILE).filter(|file| *file != STANDARD).map(PathBuf::from)
}

/// A file that is there is not overwritten; a new one is for this user alone.
fn output(flags: &ArgMatches) -> Result<Box<dyn Write + Send>, Error> {
    let Some(path) = path(flags) else { return Ok(Box::new(BufWriter::new(std::io::stdout()))) };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&path) {
        Ok(file) => Ok(Box::new(BufWriter::new(file))),
        Err(source) => Err(Error::File { path, source }),
    }
}

fn input(flags: &ArgMatches) -> Result<Box<dyn BufRead + Send>, Error> {
    let Some(path) = path(flags) else { return Ok(Box::new(BufReader::new(std::io::stdin()))) };
    match File::open(&path) {
        Ok(file) => Ok(Box::new(BufReader::new(file))),
        Err(source) => Err(Error::File { path, source }),
    }
}

impl Error {
    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Start(error) => super::command::code(error),
            Self::File { .. } | Self::Guild(_) => 1,
        }
    }

    /// What went wrong, and what to do about it where that is known.
    pub(super) fn explain(&self) -> String {
        match self {
            Self::Start(error) => error.explain(),
            other => other.to_string(),
        }
    }
}
