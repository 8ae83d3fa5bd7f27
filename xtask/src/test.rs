//! `cargo xtask test`: the gate. Everything that must hold before a change lands, by one command, on a machine that has
//! no more than Rust, Python, Node and git.

use std::process::ExitCode;

use anyhow::Result;

use crate::lint::Lint;
use crate::steps::{Outcome, Steps};
use crate::tools;
use crate::workspace;

type Install = fn() -> Result<()>;

const TOOLS: [(&str, Install); 3] =
    [("tools: system", tools::debian), ("tools: python", tools::python), ("tools: javascript", tools::javascript)];

/// Runs the whole gate and prints the table.
pub(crate) fn run(lint: &Lint) -> Result<ExitCode> {
    let mut steps = Steps::default();
    lint.steps(&mut steps);
    for (name, install) in TOOLS {
        steps.run(name, || install().map(|()| Outcome::Passed));
    }
    steps.run("build", || run_cargo(&["build", "--workspace", "--all-targets"]));
    if steps.passed("build") {
        steps.run("tests", || run_cargo(&["test", "--workspace", "--no-fail-fast"]));
    } else {
        steps.skip("tests", "the build failed");
    }
    Ok(steps.finish())
}

fn run_cargo(args: &[&str]) -> Result<Outcome> {
    // Where tests in other languages find their packages.
    let mut cargo = workspace::cargo();
    cargo.args(args).env("GUILDHALL_TOOLS", workspace::tools());
    workspace::run(&mut cargo).map(|()| Outcome::Passed)
}
