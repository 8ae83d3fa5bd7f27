//! `cargo xtask test`: the gate. Everything that must hold before a change lands, by one command, on a machine that has
//! no more than Rust, Python, Node and git. Postgres, Redis and Cassandra are started once for all of it, and ended with
//! it, however it ends.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::interrupt;
use crate::lint::Lint;
use crate::programme;
use crate::services::{self, Fleet, Service};
use crate::steps::{Outcome, Steps};
use crate::tools;
use crate::workspace;

type Install = fn() -> Result<()>;

const TOOLS: [(&str, Install); 3] =
    [("tools: system", tools::debian), ("tools: python", tools::python), ("tools: javascript", tools::javascript)];

const TESTS: &str = "tests";
/// The black-box suite runs once against each kind of deployment; the first one with all the other tests.
const BLACK_BOX: [(&str, &str); 2] = [("black box: postgres", "postgres"), ("black box: cluster", "cluster")];
/// Tests of what only the embedded deployment has.
const EMBEDDED_ONLY: &str = "embedded_only::";
const PRIVATE: &str = "services: private";

/// Names and values.
pub(crate) type Variables = Vec<(&'static str, String)>;

/// What to run.
#[derive(Args, Debug)]
pub(crate) struct Test {
    #[command(flatten)]
    lint: Lint,
    /// Adds the whole fault programme, with a Cassandra of three nodes, and 20,000 seeds of each model (an hour)
    #[arg(long)]
    full: bool,
    /// Of a full run nothing but what it adds
    #[arg(long, requires = "full")]
    only: bool,
}

/// Those that nobody has named an address of already.
fn missing() -> Vec<Service> {
    let mut wanted = Service::USUAL.to_vec();
    wanted.retain(|service| std::env::var_os(service.variable()).is_none());
    wanted
}

impl Test {
    /// Runs the whole gate and prints the table.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        interrupt::listen()?;
        let mut steps = Steps::default();
        if !self.only {
            self.lint.steps(&mut steps);
        }
        for (name, install) in TOOLS {
            steps.run(name, || install().map(|()| Outcome::Passed));
        }
        steps.run("build", || run_cargo(&["build", "--workspace", "--all-targets"], &[]));
        let (fleet, private) = (services::for_tests(self.full), services::for_faults());
        let (mut started, mut started_private) = (Vec::new(), Vec::new());
        if !self.only {
            steps.run("services", || {
                started = fleet.up(&missing())?;
                Ok(Outcome::Passed)
            });
        }
        if self.full {
            steps.run(PRIVATE, || {
                tools::debian_packages(&["libfaketime"])?;
                started_private = private.up(&Service::FOR_FAULTS)?;
                Ok(Outcome::Passed)
            });
        }
        self.tests(&mut steps, &fleet, &private)?;
        // Not as a step: steps are left out after Ctrl-C. What ran before stays.
        let ended = fleet.down(&started).and(private.down(&started_private));
        if self.full {
            programme::print();
        }
        let code = steps.finish();
        ended.map(|()| code)
    }

    fn tests(&self, steps: &mut Steps, fleet: &Fleet, private: &Fleet) -> Result<()> {
        let reason = match ["build", "services", PRIVATE].map(|name| steps.failed(name)) {
            [false, false, false] => None,
            [true, ..] => Some("the build failed"),
            _ => Some("the services did not start"),
        };
        if let Some(reason) = reason {
            self.names().for_each(|name| steps.skip(name, reason));
            return Ok(());
        }
        let private = match self.full {
            true => programme::variables(private)?,
            false => Vec::new(),
        };
        if !self.only {
            self.usual(steps, &fleet.variables()?, &private);
        }
        match self.full {
            true => programme::run(steps, &private),
            false => Ok(()),
        }
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        let usual = [TESTS].into_iter().chain(BLACK_BOX.map(|(name, _)| name)).filter(|_| !self.only);
        usual.chain(programme::names().filter(|_| self.full))
    }

    /// The tests that every run has. Those of faults are left to their own steps if there are such.
    fn usual(&self, steps: &mut Steps, variables: &Variables, private: &Variables) {
        let skipped: &[&str] = if self.full { &["--skip", programme::FAULTS] } else { &[] };
        steps.run(TESTS, || {
            let all = ["test", "--workspace", "--no-fail-fast", "--"];
            run_cargo(&[&all, skipped].concat(), &with(variables, "embedded"))
        });
        for (name, deployment) in BLACK_BOX {
            steps.run(name, || {
                tell_what_is_left_out()?;
                // In a full run channels are stored three times.
                let variables = if self.full && name == BLACK_BOX[1].0 { private } else { variables };
                let it = ["test", "--workspace", "--test", "it", "--no-fail-fast", "--", "--skip", EMBEDDED_ONLY];
                run_cargo(&[&it, skipped].concat(), &with(variables, deployment))
            });
        }
    }
}

/// The variables, and the kind of deployment.
pub(crate) fn with(variables: &Variables, deployment: &str) -> Variables {
    let mut variables = variables.clone();
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

/// Runs cargo with variables of its own.
pub(crate) fn run_cargo(args: &[&str], variables: &[(&'static str, String)]) -> Result<Outcome> {
    // Where tests in other languages find their packages.
    let mut cargo = workspace::cargo();
    cargo.args(args).env("GUILDHALL_TOOLS", workspace::tools());
    cargo.envs(variables.iter().map(|(name, value)| (name, value)));
    workspace::run(&mut cargo).map(|()| Outcome::Passed)
}
