//! `cargo xtask up`: a server to work with. It builds and hands over; what to do next is told by the server itself.

use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::cluster;
use crate::workspace::{cargo, run, target};

/// What the server is to be told beside.
#[derive(Args, Debug)]
pub(crate) struct Up {
    /// Three nodes over Postgres, Redis and Cassandra instead of one process; their data stay in target/cluster
    #[arg(long)]
    cluster: bool,
    /// Unoptimised: builds sooner
    #[arg(long)]
    debug: bool,
    /// Further arguments of `guildhall-server serve`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Up {
    /// Builds the server and the command line, then becomes the server; or minds a cluster until Ctrl-C.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let packages = ["--package", "guildhall-server", "--package", "guildhall-cli"];
        let (profile, directory) = if self.debug { ("dev", "debug") } else { ("release", "release") };
        run(cargo().args(["build", "--profile", profile]).args(packages))?;
        if self.cluster {
            return cluster::run_until_interrupted(&target().join(directory), &self.args);
        }
        let mut server = cargo();
        server.args(["run", "--quiet", "--profile", profile, "--package", "guildhall-server", "--"]);
        server.args(["serve", "--dev", "--data-dir"]).arg(target().join("dev-data"));
        server.args(&self.args);
        // Only returns if it fails: signals then reach the server and nobody else.
        Err(server.exec()).context("cannot start the server")
    }
}
