//! Redis: one server that keeps nothing on disk, since nothing that must not be lost goes there.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::child::Plan;
use super::place::Keep;
use super::{LOCALHOST, ports};
use crate::tools;
use crate::workspace::read;

pub(super) const NAME: &str = "redis";
const PATIENCE: Duration = Duration::from_secs(1);
/// One for each deployment of a test run.
const DATABASES: &str = "10000";

/// What is to be started.
pub(super) fn plan(keep: &Keep) -> Result<Plan> {
    let dir = keep.directory(NAME)?;
    let port = ports::free(&[LOCALHOST], 1)?[0];
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"]).arg(&dir);
    command.args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--databases", DATABASES]);
    Ok(Plan { name: NAME.to_owned(), address: format!("127.0.0.1:{port}"), command, dir })
}

/// Asks it whether it serves.
pub(super) fn ready(address: &str) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&address.parse()?, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer)?;
    ensure!(&answer == b"+PONG\r\n", "Redis does not answer PING");
    Ok(())
}

/// Makes Redis available.
pub(super) fn install() -> Result<()> {
    if read(Command::new("redis-server").arg("--version")).is_err() {
        tools::debian_packages(&["redis-server"])?;
    }
    read(Command::new("redis-server").arg("--version")).map(drop)
}
