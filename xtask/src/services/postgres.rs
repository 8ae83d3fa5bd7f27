//! Postgres: one server, superuser `app`, no password, reached by TCP alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::child::Plan;
use super::place::{Keep, reachable_by_all};
use super::{LOCALHOST, ports};
use crate::tools;
use crate::workspace::read;

pub(super) const NAME: &str = "postgres";
const USER: &str = "app";
const INSTALLED: &str = "/usr/lib/postgresql";

/// What is to be started; the cluster is made if there is none yet.
pub(super) fn plan(keep: &Keep) -> Result<Plan> {
    let programs = programs()?;
    let dir = keep.directory(NAME)?;
    if tools::is_root() {
        reachable_by_all(&dir)?;
        read(Command::new("chown").arg(NAME).arg(&dir))?;
    }
    let data = dir.join("data");
    if !data.join("PG_VERSION").exists() {
        let mut init = as_postgres(&programs.join("initdb"));
        // `C.UTF-8` and not `C`, by which trigram search would find no Chinese and no umlaut.
        init.args(["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"]).arg(&data);
        read(init.current_dir(&dir)).context("cannot make a Postgres cluster")?;
    }
    let port = ports::free(&[LOCALHOST], 1)?[0];
    let mut command = as_postgres(&programs.join("postgres"));
    command.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k", ""]);
    let fsync = if keep.is_durable() { "fsync=on" } else { "fsync=off" };
    // Many tests at a time have three nodes each.
    for setting in ["shared_buffers=32MB", "max_connections=500", fsync] {
        command.args(["-c", setting]);
    }
    Ok(Plan { name: NAME.to_owned(), address: format!("127.0.0.1:{port}"), command, dir })
}

/// Asks it whether it serves.
pub(super) fn ready(address: &str) -> Result<()> {
    let (host, port) = address.split_once(':').context("an address has a port")?;
    read(Command::new(programs()?.join("pg_isready")).args(["-h", host, "-p", port])).map(drop)
}

/// The address as drivers read it.
pub(super) fn url(address: &str, database: &str) -> String {
    format!("postgres://{USER}@{address}/{database}")
}

/// Makes a database unless it is there.
pub(crate) fn create_database(url: &str, name: &str) -> Result<()> {
    let mut psql = Command::new(programs()?.join("psql"));
    let there = read(psql.arg(url).args(["-XAtc", &format!("SELECT 1 FROM pg_database WHERE datname = '{name}'")]))?;
    if there.trim() == "1" {
        return Ok(());
    }
    let mut psql = Command::new(programs()?.join("psql"));
    read(psql.arg(url).args(["-XAtc", &format!("CREATE DATABASE {name}")])).map(drop)
}

/// Makes Postgres available.
pub(super) fn install() -> Result<()> {
    if programs().is_err() {
        tools::debian_packages(&["postgresql"])?;
    }
    programs().map(drop)
}

/// Postgres refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    if !tools::is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
    command
}

/// The directory with the programs of the newest version; Debian keeps them out of the path.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir(INSTALLED).into_iter().flatten().flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).filter(|path| path.join("bin/postgres").exists());
    if let Some(newest) = newest.max_by_key(|path| number(path)) {
        return Ok(newest.join("bin"));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    for dir in std::env::split_paths(&path) {
        if ["postgres", "initdb", "psql", "pg_isready"].iter().all(|program| dir.join(program).exists()) {
            return Ok(dir);
        }
    }
    bail!("Postgres is not installed")
}
