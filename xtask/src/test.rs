//! `cargo xtask test`: the gate. Everything that must hold before a change lands, by one command, on a machine that has
//! no more than Rust, Python, Node and git. Postgres, Redis and Cassandra are started once for all of it, and ended with
//! it, however it ends.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::interrupt;
use crate::lint::Lint;
use crate::services::{self, Fleet, Service};
use crate::steps::{Outcome, Steps};
use crate::tools;
use crate::workspace;

type Install = fn() -> Result<()>;

const TOOLS: [(&str, Install); 3] =
    [("tools: system", tools::debian), ("tools: python", tools::python), ("tools: javascript", tools::javascript)];

/// The black-box suite runs once against each kind of deployment; the first one with all the other tests.
const TESTS: &str = "tests";
const BLACK_BOX: [(&str, &str); 2] = [("black box: postgres", "postgres"), ("black box: cluster", "cluster")];
/// Tests of what only the embedded deployment has.
const EMBEDDED_ONLY: &str = "embedded_only::";

/// What to run.
#[derive(Args, Debug)]
pub(crate) struct Test {
    #[command(flatten)]
    lint: Lint,
    /// Adds long fault programmes and a Cassandra of three nodes
    #[arg(long)]
    full: bool,
}

impl Test {
    /// Runs the whole gate and prints the table.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        interrupt::listen()?;
        let mut steps = Steps::default();
        self.lint.steps(&mut steps);
        for (name, install) in TOOLS {
            steps.run(name, || install().map(|()| Outcome::Passed));
        }
        steps.run("build", || run_cargo(&["build", "--workspace", "--all-targets"], &[]));
        let fleet = services::for_tests(self.full);
        let mut started = Vec::new();
        steps.run("services", || {
            started = fleet.up(&self.services())?;
            Ok(Outcome::Passed)
        });
        self.tests(&mut steps, &fleet)?;
        // Not as a step: steps are left out after Ctrl-C. What ran before stays.
        let ended = fleet.down(&started);
        let code = steps.finish();
        ended.map(|()| code)
    }

    /// Those that nobody has named an address of already.
    fn services(&self) -> Vec<Service> {
        let mut wanted = Service::USUAL.to_vec();
        if self.full {
            wanted.push(Service::Cassandra3);
        }
        wanted.retain(|service| std::env::var_os(service.variable()).is_none());
        wanted
    }

    fn tests(&self, steps: &mut Steps, fleet: &Fleet) -> Result<()> {
        let reason = match (steps.passed("build"), steps.passed("services")) {
            (true, true) => None,
            (false, _) => Some("the build failed"),
            (_, false) => Some("the services did not start"),
        };
        let names = [TESTS].into_iter().chain(BLACK_BOX.map(|(name, _)| name));
        if let Some(reason) = reason {
            names.for_each(|name| steps.skip(name, reason));
            return Ok(());
        }
        let mut variables = fleet.variables()?;
        variables.push(("GUILDHALL_TEST_SERVICES", fleet.state().display().to_string()));
        if self.full {
            variables.push(("GUILDHALL_TEST_FULL", "1".to_owned()));
        }
        steps.run(TESTS, || {
            let variables = with(&variables, "embedded");
            run_cargo(&["test", "--workspace", "--no-fail-fast"], &variables)
        });
        for (name, deployment) in BLACK_BOX {
            steps.run(name, || {
                let variables = with(&variables, deployment);
                tell_what_is_left_out()?;
                let it = ["test", "--workspace", "--test", "it", "--no-fail-fast", "--", "--skip", EMBEDDED_ONLY];
                run_cargo(&it, &variables)
            });
        }
        Ok(())
    }
}

fn with(variables: &[(&'static str, String)], deployment: &str) -> Vec<(&'static str, String)> {
    let mut variables = variables.to_vec();
    variables.push(("GUILDHALL_TEST_DEPLOYMENT", deployment.to_owned()));
    variables
}

/// Counts them. Which they are is held by a test of the suite itself, so that they do not become more unnoticed.
fn tell_what_is_left_out() -> Result<()> {
    let mut list = workspace::cargo();
    list.args(["test", "--quiet", "--workspace", "--test", "it", "--", "--list", EMBEDDED_ONLY]);
    let count = workspace::read(&mut list)?.lines().filter(|line| line.ends_with(": test")).count();
    println!("{count} tests are about the embedded deployment only, and are left out here");
    Ok(())
}

fn run_cargo(args: &[&str], variables: &[(&'static str, String)]) -> Result<Outcome> {
    // Where tests in other languages find their packages.
    let mut cargo = workspace::cargo();
    cargo.args(args).env("GUILDHALL_TOOLS", workspace::tools());
    cargo.envs(variables.iter().map(|(name, value)| (name, value)));
    workspace::run(&mut cargo).map(|()| Outcome::Passed)
}
