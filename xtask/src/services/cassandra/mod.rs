//! Cassandra without containers: its jars come from Maven, its settings from here. One node, or three on 127.0.0.1 to
//! 127.0.0.3.

mod cql;
mod settings;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::child::Plan;
use super::place::Keep;
use super::ports;
use crate::tools;
use crate::workspace::{command, read, run, target};

const VERSION: &str = "5.0.9";

/// What is to be started: so many nodes that know each other.
pub(super) fn plans(name: &str, nodes: u8, keep: &Keep) -> Result<Vec<Plan>> {
    let addresses: Vec<IpAddr> = (1..=nodes).map(|number| Ipv4Addr::new(127, 0, 0, number).into()).collect();
    let ports = ports::free(&addresses, 2)?;
    let (storage, native) = (ports[0], ports[1]);
    let mut plans = Vec::new();
    for (number, address) in (1..).zip(&addresses) {
        let name = if nodes == 1 { name.to_owned() } else { format!("{name}-{number}") };
        let dir = keep.directory(&name)?;
        let node = settings::Node { dir: &dir, number, nodes, storage, native };
        fs::write(dir.join("cassandra.yaml"), settings::yaml(&node))?;
        fs::write(dir.join("logback.xml"), settings::LOGBACK)?;
        let command = java(&dir, nodes);
        plans.push(Plan { name, address: format!("{address}:{native}"), command, dir });
    }
    Ok(plans)
}

/// Asks every node itself: an open port is not enough, because a table made while nodes do not know each other yet leaves
/// them with two schemas that do not heal.
pub(super) fn ready(addresses: &[&str]) -> Result<()> {
    let mut versions = Vec::new();
    for address in addresses {
        let mut node = cql::Node::connect(address)?;
        let local = node.rows("SELECT schema_version FROM system.local")?;
        let peers = node.rows("SELECT schema_version FROM system.peers")?;
        ensure!(peers.len() + 1 == addresses.len(), "{address} knows {} others", peers.len());
        versions.extend(local.into_iter().chain(peers).flatten());
    }
    versions.dedup();
    ensure!(versions.len() == 1, "the nodes do not agree on a schema yet");
    Ok(())
}

/// Asks one node whether it serves, even if others do not.
pub(super) fn answers(address: &str) -> Result<()> {
    cql::Node::connect(address)?.rows("SELECT schema_version FROM system.local").map(drop)
}

/// Makes Java and the jars available.
pub(super) fn install() -> Result<()> {
    if read(Command::new("java").arg("-version")).is_err() {
        tools::debian_packages(&["default-jre-headless"])?;
    }
    let lib = lib();
    let stamp = lib.with_extension("complete");
    if stamp.exists() {
        return Ok(());
    }
    if read(Command::new("mvn").arg("--version")).is_err() {
        tools::debian_packages(&["maven"])?;
    }
    let dir = lib.parent().context("a directory has one above")?;
    fs::create_dir_all(dir)?;
    fs::write(dir.join("pom.xml"), settings::pom(VERSION))?;
    let mut maven = command("mvn");
    maven.current_dir(dir).args(["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"]);
    run(&mut maven).context("cannot fetch Cassandra")?;
    // Last, so that a fetch that was cut off is done again.
    fs::write(stamp, "")?;
    Ok(())
}

fn lib() -> PathBuf {
    target().join(format!("services/cassandra-{VERSION}/lib"))
}

fn java(dir: &Path, nodes: u8) -> Command {
    let lib = lib();
    let mut java = Command::new("java");
    // Three nodes bear load and faults, one a functional suite.
    let heap_mb = if nodes == 1 { 192 } else { 256 };
    java.arg(format!("-Xms{heap_mb}m")).arg(format!("-Xmx{heap_mb}m"));
    java.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss384k", "-XX:+ExitOnOutOfMemoryError"]);
    java.arg(format!("-javaagent:{}", lib.join("jamm-0.4.0.jar").display()));
    for package in settings::EXPORTS {
        java.arg("--add-exports").arg(format!("{package}=ALL-UNNAMED"));
    }
    for package in settings::OPENS {
        java.arg("--add-opens").arg(format!("{package}=ALL-UNNAMED"));
    }
    java.args(settings::PROPERTIES.iter().map(|property| format!("-D{property}")));
    java.arg(format!("-Dcassandra.config=file://{}", dir.join("cassandra.yaml").display()));
    java.arg(format!("-Dcassandra.storagedir={}", dir.display()));
    java.arg(format!("-Dlogback.configurationFile={}", dir.join("logback.xml").display()));
    java.arg("-cp").arg(lib.join("*")).arg("org.apache.cassandra.service.CassandraDaemon");
    java
}
