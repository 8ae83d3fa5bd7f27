//! The files of `deploy/`: that they are what their readers take, and that they fit each other. Containers are not started
//! here.

// A test says what it expects; that a helper of it fails loudly is the point.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use guildhall_tests::binaries::{SERVER, binary};
use guildhall_tests::deployment::clear_environment;
use yaml_rust2::{Yaml, YamlLoader};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn compose() -> Yaml {
    let text = fs::read_to_string(deploy().join("compose.yaml")).unwrap();
    YamlLoader::load_from_str(&text).unwrap().remove(0)
}

/// The entries of a table, with those of the table that it is based on.
fn entries(table: &Yaml) -> Vec<(String, &Yaml)> {
    let of = table.as_hash().unwrap_or_else(|| panic!("no table: {table:?}"));
    let mut all = Vec::new();
    for (key, value) in of {
        match key.as_str().unwrap() {
            "<<" => all.extend(entries(value)),
            key => all.push((key.to_owned(), value)),
        }
    }
    all
}

/// The variables of a service as Compose fills them in.
fn variables(service: &Yaml) -> Vec<(String, String)> {
    let fill = |value: &Yaml| value.as_str().unwrap().replace("${POSTGRES_PASSWORD:?}", "secret");
    let fill = |value: &Yaml| fill(value).replace("${GUILDHALL_CLUSTER_SECRET:?}", SECRET);
    let environment = entries(&service["environment"]).into_iter();
    environment.map(|(name, value)| (name, fill(value))).collect()
}

/// `config check` over the settings file with these variables: what it says.
fn check(variables: &[(String, String)]) -> (bool, String) {
    let mut command = Command::new(binary(SERVER));
    clear_environment(&mut command);
    command.args(["config", "check"]).envs(variables.iter().map(|(name, value)| (name, value)));
    let output = command.env("GUILDHALL_CONFIG", deploy().join("guildhall.toml")).output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn every_node_has_settings_that_are_fine() {
    let compose = compose();
    let mut addresses = BTreeSet::new();
    for (name, service) in entries(&compose["services"]) {
        if !name.starts_with("node") && name != "migrate" {
            continue;
        }
        let variables = variables(service);
        let (fine, said) = check(&variables);
        assert!(fine && said.trim() == "the settings are fine", "{name}: {said}");
        let address = variables.iter().find(|(name, _)| name == "GUILDHALL_NODE_ADDRESS");
        addresses.extend(address.map(|(_, address)| address.clone()));
        assert!(address.is_none_or(|(_, address)| address.starts_with(&name)), "{name} has the address of another one");
    }
    assert_eq!(addresses.len(), 3, "three nodes");
}

#[test]
fn what_is_secret_is_not_in_the_files() {
    let settings = fs::read_to_string(deploy().join("guildhall.toml")).unwrap();
    let (fine, said) = check(&[("GUILDHALL_STORE".to_owned(), "postgres://postgres/guildhall".to_owned())]);
    assert!(!fine && said.contains("cluster_secret"), "{said}");
    assert!(!settings.contains("cluster_secret") && !settings.contains("postgres://"), "{settings}");
}

#[test]
fn services_that_are_named_are_there() {
    let compose = compose();
    let names: BTreeSet<_> = entries(&compose["services"]).into_iter().map(|(name, _)| name).collect();
    for (name, service) in entries(&compose["services"]) {
        let service = entries(service);
        let depends_on = service.iter().rev().find(|(key, _)| key == "depends_on");
        for (other, _) in depends_on.map(|(_, on)| entries(on)).unwrap_or_default() {
            assert!(names.contains(&other), "{name} waits for {other}");
        }
    }
    let settings = fs::read_to_string(deploy().join("guildhall.toml")).unwrap();
    for (scheme, host) in [("cassandra://", "cassandra"), ("redis://", "redis")] {
        assert!(names.contains(host) && settings.contains(&format!("{scheme}{host}")), "{host}");
    }
    let cassandra = format!("{:?}", compose["services"]["cassandra"]["entrypoint"]);
    assert!(cassandra.contains("commitlog_sync: batch"), "what is acknowledged is on disk: {cassandra}");
}
