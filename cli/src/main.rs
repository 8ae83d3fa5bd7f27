//! The command line of Guildhall. It stands on the SDK alone; this file parses, runs and turns the outcome into an exit
//! code.

mod app;
mod args;
mod commands;
mod contexts;
mod fault;
mod input;
mod output;
mod remedy;
mod rights;
mod span;
mod target;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use crate::app::App;
use crate::args::{Cli, Command};
use crate::fault::{Exit, Fault, Result};
use crate::output::Output;

/// What still runs when a command has ended is given this long, then left behind.
const SHUTDOWN: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    cli.globals.color.apply();
    // Whoever is first wins, and nobody else is here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let app = App::new(cli.globals);
    match start(&app, cli.command) {
        Ok(()) => code(Exit::Ok),
        Err(fault) => {
            app.out.fail(&fault);
            code(fault.exit())
        }
    }
}

fn code(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}

/// A command line that cannot be understood, or that asks for help.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A reader that went away has had what it wanted.
        let _ = error.print();
        return code(Exit::Ok);
    }
    if std::env::args_os().any(|arg| arg == "--json") {
        let text = error.render().to_string();
        // What follows is advice for people.
        let text = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ").trim();
        let out = Output { json: true, quiet: true };
        out.fail(&Fault::usage(text));
    } else {
        let _ = error.print();
    }
    code(Exit::Usage)
}

fn start(app: &App, command: Command) -> Result<()> {
    // Two threads beside this one: output that blocks this one must not keep heartbeats from being sent.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(until_interrupted(app, command));
    runtime.shutdown_timeout(SHUTDOWN);
    outcome
}

async fn until_interrupted(app: &App, command: Command) -> Result<()> {
    if command.handles_signals() {
        return Box::pin(commands::run(app, command)).await;
    }
    // The command first: what it asks a person, it asks before its first wait, so Ctrl-C still ends it the plain way.
    tokio::select! {
        biased;
        outcome = Box::pin(commands::run(app, command)) => outcome,
        _ = tokio::signal::ctrl_c() => Err(Fault::interrupted()),
    }
}
