//! `cargo xtask bench`: the benchmarks, which live beside the tests.

use anyhow::Result;
use clap::Args;

use crate::workspace::{cargo, run};

/// Which benchmarks.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// Arguments of the benchmark program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Bench {
    /// Builds optimised and runs.
    pub(crate) fn run(&self) -> Result<()> {
        let bench = ["run", "--release", "--package", "guildhall-tests", "--bin", "bench", "--"];
        run(cargo().args(bench).args(&self.args))
    }
}
