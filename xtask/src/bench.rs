//! `cargo xtask bench`: the benchmarks, which live beside the tests. Those of a cluster get engines of their own, durable
//! ones, which are ended with them.

use anyhow::Result;
use clap::Args;

use crate::interrupt;
use crate::services::{Fleet, Keep, Service};
use crate::workspace::{cargo, run, target};

/// Which benchmarks.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// Three nodes over Postgres, Redis and Cassandra instead of one process
    #[arg(long)]
    cluster: bool,
    /// Arguments of the benchmark program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Bench {
    /// Builds optimised and runs.
    pub(crate) fn run(&self) -> Result<()> {
        const BENCH: [&str; 7] = ["run", "--release", "--package", "guildhall-tests", "--bin", "bench", "--"];
        if !self.cluster {
            return run(cargo().args(BENCH).args(&self.args));
        }
        interrupt::listen()?;
        run(cargo().args([
            "build",
            "--release",
            "--package",
            "guildhall-server",
            "--package",
            "guildhall-tests",
            "--bins",
        ]))?;
        let fleet = Fleet::at(target().join("bench-services"), Keep::Scratch { durable: true });
        // Those that nobody has named an address of already.
        let mut wanted = Service::USUAL.to_vec();
        wanted.retain(|service| std::env::var_os(service.variable()).is_none());
        let started = fleet.up(&wanted)?;
        let mut bench = cargo();
        bench.args(BENCH).arg("--cluster").args(&self.args).envs(fleet.variables()?);
        let measured = run(bench.env("GUILDHALL_TEST_BINARIES", target().join("release")));
        let ended = fleet.down(&started);
        measured.and(ended)
    }
}
