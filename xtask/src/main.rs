//! Every developer task of Guildhall, so that there is no other tool to learn: `cargo xtask up | test | services | lint |
//! gen | bench`.

mod bench;
mod cluster;
mod generate;
mod interrupt;
mod lint;
mod programme;
mod services;
mod steps;
mod test;
mod tools;
mod up;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer tasks of Guildhall")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build and run a development server, or with --cluster three; the data stay in target
    Up(up::Up),
    /// Everything that must hold before a change lands: lint, then all tests
    Test(test::Test),
    /// Real Postgres, Redis and Cassandra for tests, started without containers
    Services(services::Services),
    /// Formatting, lints, generated code, protos, documentation, licences
    Lint(lint::Lint),
    /// Generate code, checks and descriptors from the protos
    Gen(generate::Gen),
    /// Run the benchmarks
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Up(task) => task.run(),
        Task::Test(task) => task.run(),
        Task::Services(task) => task.run(),
        Task::Lint(task) => task.run(),
        Task::Gen(task) => done(task.run()),
        Task::Bench(task) => done(task.run()),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn done(outcome: Result<()>) -> Result<ExitCode> {
    outcome.map(|()| ExitCode::SUCCESS)
}
