//! Every developer task of Guildhall, so that there is no other tool to learn: `cargo xtask up | test | lint | gen |
//! bench`.

mod bench;
mod generate;
mod lint;
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
    /// Build and run a development server; its data stay in target/dev-data
    Up(up::Up),
    /// Everything that must hold before a change lands: lint, then all tests
    Test(lint::Lint),
    /// Formatting, lints, generated code, protos, documentation, licences
    Lint(lint::Lint),
    /// Generate code, checks and descriptors from the protos
    Gen(generate::Gen),
    /// Run the benchmarks
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Up(task) => done(task.run()),
        Task::Test(task) => test::run(&task),
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
