//! What a full run adds to the gate: the whole fault programme, each kind of deployment by itself, over services that are
//! killed on the way; and the models by many seeds.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::services::Fleet;
use crate::steps::Steps;
use crate::test::{Variables, run_cargo, with};
use crate::workspace::target;

/// How the tests of faults are called. In a full run nothing runs beside them.
pub(crate) const FAULTS: &str = "faults::";
/// The text is sent while a node of Cassandra is killed.
const TEXT: &str = "text::";
const DEPLOYMENTS: [(&str, &str); 3] =
    [("faults: embedded", "embedded"), ("faults: postgres", "postgres"), ("faults: cluster", "cluster")];
const MODELS: &str = "models: 20,000 seeds";
const DEEP: (&str, &str) = ("GUILDHALL_TEST_FULL", "1");

/// The names of its steps.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    [MODELS].into_iter().chain(DEPLOYMENTS.map(|(name, _)| name))
}

/// By which tests find the private services: the three nodes of Cassandra are the Cassandra.
pub(crate) fn variables(private: &Fleet) -> Result<Variables> {
    let mut variables = private.variables()?;
    let three = variables.iter().find(|(name, _)| *name == "TEST_CQL3").context("three nodes of Cassandra run")?;
    variables.push(("TEST_CQL", three.1.clone()));
    Ok(variables)
}

/// Runs it. Only here the tests are told how to kill services.
pub(crate) fn run(steps: &mut Steps, private: &Variables) -> Result<()> {
    steps.run(MODELS, || {
        let models = ["test", "--package", "guildhall-tests", "--test", "sim", "--", "--nocapture"];
        run_cargo(&models, &[(DEEP.0, DEEP.1.to_owned())])
    });
    let _ = fs::remove_file(table());
    let mut variables = private.clone();
    variables.push((DEEP.0, DEEP.1.to_owned()));
    variables.push(("GUILDHALL_TEST_XTASK", std::env::current_exe()?.display().to_string()));
    variables.push(("GUILDHALL_TEST_TABLE", table().display().to_string()));
    for (name, deployment) in DEPLOYMENTS {
        steps.run(name, || {
            let it = ["test", "--package", "guildhall-tests", "--test", "it", "--no-fail-fast", "--"];
            let alone = ["--nocapture", "--test-threads", "1", FAULTS, TEXT];
            run_cargo(&[&it[..], &alone].concat(), &with(&variables, deployment))
        });
    }
    Ok(())
}

/// Shows what became of each fault.
pub(crate) fn print() {
    println!("\n{}", fs::read_to_string(table()).unwrap_or_default().trim_end());
}

fn table() -> PathBuf {
    target().join("faults.txt")
}
