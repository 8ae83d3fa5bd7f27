//! The command line: `serve`, `migrate up`, `migrate-store`, `export`, `import`, and `config init`, `check`, `show`. Exit codes: 0 all is well, 1 it cannot run, 2 it was
//! told something that makes no sense, 7 a service that it needs does not answer, 128 + n the second signal n.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Server, StartError, banner, logs, migrate, mover, portable};
use crate::config::{self, FILE_NAME, Loaded};
use crate::edge;

/// What was asked for makes no sense.
const USAGE: u8 = 2;
/// A service that it needs does not answer.
const UNAVAILABLE: u8 = 7;

/// The command line's tree, for help and completion.
pub fn tree() -> Command {
    let serve = Command::new("serve").about("Runs a server").args(config::flags());
    let init = Command::new("init")
        .about("Writes a settings file with every key, commented out")
        .arg(
            Arg::new("output")
                .value_name("FILE")
                .help(format!("Where to; - = stdout [default: {FILE_NAME} in the data directory]")),
        )
        .arg(Arg::new("force").long("force").action(ArgAction::SetTrue).help("Overwrites it"))
        .args(config::flags());
    let check = Command::new("check").about("Checks flags, environment and settings file").args(config::flags());
    let show = Command::new("show")
        .about("Prints the settings that are in force")
        .arg(Arg::new("origin").long("origin").action(ArgAction::SetTrue).help("And where each came from"))
        .args(config::flags());
    Command::new("guildhall-server")
        .about("The Guildhall chat server")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(serve)
        .subcommand(migrate::tree())
        .subcommand(mover::tree())
        .subcommands(portable::trees())
        .subcommand(
            Command::new("config")
                .about("Settings: write a file, check them, show them")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommands([init, check, show]),
        )
}

/// Does what the arguments say.
pub async fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = match tree().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            // It fails only if nobody listens any more.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    match matches.subcommand() {
        Some(("serve", flags)) => match load(flags) {
            Ok(loaded) => serve(loaded).await,
            Err(code) => code,
        },
        Some(("migrate", migrate)) => match migrate.subcommand() {
            Some(("up", flags)) => migrate_up(flags).await,
            _ => ExitCode::from(USAGE),
        },
        Some((mover::NAME, flags)) => migrate_store(flags).await,
        Some((name @ (portable::EXPORT | portable::IMPORT), flags)) => carry(name, flags).await,
        Some(("config", config)) => match config.subcommand() {
            Some(("init", flags)) => init(flags),
            Some(("check", flags)) => match load(flags) {
                Ok(_) => {
                    eprintln!("the settings are fine");
                    ExitCode::SUCCESS
                }
                Err(code) => code,
            },
            Some(("show", flags)) => match load(flags) {
                Ok(loaded) => print(&config::show(&loaded, flags.get_flag("origin"))),
                Err(code) => code,
            },
            _ => ExitCode::from(USAGE),
        },
        _ => ExitCode::from(USAGE),
    }
}

/// Names and values that are not UTF-8 are nobody's settings.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn load(flags: &ArgMatches) -> Result<Loaded, ExitCode> {
    match config::load(flags, environment()) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                eprintln!("warning: {warning}");
            }
            Ok(loaded)
        }
        Err(error) => Err(fail(USAGE, &error.to_string())),
    }
}

fn init(flags: &ArgMatches) -> ExitCode {
    let text = config::template();
    let path = match flags.get_one::<String>("output").map(String::as_str) {
        Some("-") => return print(&text),
        Some(file) => PathBuf::from(file),
        // A broken settings file must not keep a new one from being written, so it is not read.
        None => match config::file_place(flags, environment()) {
            Ok(path) => path,
            Err(error) => return fail(USAGE, &error.to_string()),
        },
    };
    match write(&path, &text, flags.get_flag("force")) {
        Ok(()) => {
            eprintln!("wrote {}", path.display());
            ExitCode::SUCCESS
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            fail(1, &format!("{} exists\n--force overwrites it", path.display()))
        }
        Err(error) => fail(1, &format!("cannot write {}: {error}", path.display())),
    }
}

fn write(path: &Path, text: &str, force: bool) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut options = std::fs::OpenOptions::new();
    match force {
        true => options.write(true).create(true).truncate(true),
        false => options.write(true).create_new(true),
    };
    options.open(path)?.write_all(text.as_bytes())
}

async fn migrate_up(flags: &ArgMatches) -> ExitCode {
    let layout = match migrate::layout(flags) {
        Ok(layout) => layout,
        Err(why) => return fail(USAGE, &why),
    };
    let loaded = match load(flags) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    match migrate::up(&loaded.settings, &layout).await {
        Ok(done) => {
            eprintln!("{done}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(code(&error), &error.explain()),
    }
}

async fn carry(name: &str, flags: &ArgMatches) -> ExitCode {
    let loaded = match load(flags) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    if let Err(error) = logs::start_for_tool(&loaded.settings) {
        return fail(USAGE, &format!("log: {error}"));
    }
    let outcome = match name {
        portable::EXPORT => portable::export(flags, &loaded.settings).await,
        _ => portable::import(flags, &loaded.settings).await,
    };
    match outcome {
        Ok(said) => {
            eprintln!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(error.code(), &error.explain()),
    }
}

async fn migrate_store(flags: &ArgMatches) -> ExitCode {
    let plan = match mover::plan(flags, environment().collect()) {
        Ok(plan) => plan,
        Err(why) => return fail(USAGE, &why),
    };
    if let Err(error) = logs::start_for_tool(&plan.target) {
        return fail(USAGE, &format!("log: {error}"));
    }
    match mover::run(&plan).await {
        Ok(summary) => {
            let printed = print(&mover::report(&summary));
            if summary.is_equal() { printed } else { fail(1, mover::DIFFERENT) }
        }
        Err(error) => fail(error.code(), &error.explain()),
    }
}

/// Runs until a signal. A second one does not wait.
async fn serve(loaded: Loaded) -> ExitCode {
    if let Err(error) = logs::start(&loaded.settings) {
        return fail(USAGE, &format!("log: {error}"));
    }
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return fail(1, &format!("cannot listen for signals: {error}")),
    };
    edge::raise_open_files();
    let started = tokio::select! {
        started = Server::start(loaded.settings) => started,
        number = signals.next() => return ExitCode::from(128 + number),
    };
    let server = match started {
        Ok(server) => server,
        Err(error) => {
            return fail(code(&error), &error.explain());
        }
    };
    // A closed stdout is no reason not to serve.
    let _ = std::io::stdout().write_all(banner::text(&server).as_bytes());
    signals.next().await;
    tokio::select! {
        _ = server.shutdown() => ExitCode::SUCCESS,
        // What runs is torn down by the end of the process; all that was acknowledged is on disk.
        number = signals.next() => std::process::exit(128 + i32::from(number)),
    }
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The number of the next one.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
        }
    }
}

/// The exit code of a server that does not start.
pub(super) fn code(error: &StartError) -> u8 {
    match error {
        StartError::Settings(_) => USAGE,
        _ if error.is_unreachable() => UNAVAILABLE,
        _ => 1,
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(code: u8, text: &str) -> ExitCode {
    eprintln!("error: {text}");
    ExitCode::from(code)
}
