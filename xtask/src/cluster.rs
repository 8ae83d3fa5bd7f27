//! `cargo xtask up --cluster`: three nodes on this machine over one Postgres, one Redis and one Cassandra, until Ctrl-C.

use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::interrupt;
use crate::services::{Fleet, Keep, Plan, Running, Service, create_database};
use crate::workspace::{run, target};

const NODES: u16 = 3;
const FIRST_PORT: u16 = 7420;
/// Where nodes talk among themselves.
const FIRST_NODE_PORT: u16 = 7520;
const NAME: &str = "guildhall";
const SECRET: &str = "GUILDHALL_CLUSTER_SECRET";
const READY_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts everything, tells how to talk, and ends everything on Ctrl-C or when a node ends by itself.
pub(crate) fn run_until_interrupted(programs: &Path, args: &[String]) -> Result<ExitCode> {
    interrupt::listen()?;
    let dir = target().join("cluster");
    let fleet = Fleet::at(dir.clone(), Keep::Data(dir.join("data")));
    // Those of a run that was killed.
    fleet.end_guests()?;
    let outcome = serve(&fleet, &dir, programs, args);
    eprintln!("ending the nodes, then the services");
    fleet.end_guests()?;
    fleet.down(&Service::ALL)?;
    match outcome {
        Err(_) if interrupt::came() => Ok(ExitCode::SUCCESS),
        outcome => outcome.map(|()| ExitCode::SUCCESS),
    }
}

/// Returns an error, if only that it was interrupted.
fn serve(fleet: &Fleet, dir: &Path, programs: &Path, args: &[String]) -> Result<()> {
    fleet.up(&Service::USUAL)?;
    let engines = engines(fleet)?;
    let secret = secret(dir)?;
    let server = programs.join("guildhall-server");
    run(Command::new(&server).args(["migrate", "up", "--replication=1"]).args(&engines).env(SECRET, &secret))?;
    let mut nodes = Vec::new();
    for number in 0..NODES {
        let mut command = Command::new(&server);
        let data_dir = dir.join(format!("data/node{number}"));
        fs::create_dir_all(&data_dir)?;
        command.arg("serve").args(&engines).env(SECRET, &secret).arg("--data-dir").arg(&data_dir);
        command.arg("--listen").arg(address(FIRST_PORT + number));
        command.arg("--node-listen").arg(address(FIRST_NODE_PORT + number));
        // One of them makes the demo guild and prints the token of its bot.
        command.args(if number == 0 { &["--dev"][..] } else { &["--registration=open", "--reflection"] });
        command.args(args);
        let log = data_dir.join("out.log");
        let _ = fs::remove_file(&log);
        let name = format!("node {number}");
        nodes.push(fleet.start_guest(Plan { name, address: address(FIRST_PORT + number), command, dir: data_dir })?);
        wait(&nodes)?;
    }
    tell(&nodes, programs)?;
    loop {
        interrupt::check()?;
        alive(&nodes)?;
        sleep(POLL);
    }
}

/// The flags that name the engines.
fn engines(fleet: &Fleet) -> Result<Vec<String>> {
    let variables = fleet.variables()?;
    let of = |service: Service| {
        let found = variables.iter().find(|(name, _)| *name == service.variable());
        found.map(|(_, value)| value.clone()).with_context(|| format!("{service:?} does not run"))
    };
    let (postgres, redis, cassandra) = (of(Service::Postgres)?, of(Service::Redis)?, of(Service::Cassandra)?);
    create_database(&postgres, NAME)?;
    let (server, _) = postgres.rsplit_once('/').context("the address of Postgres ends with a database")?;
    Ok(vec![
        format!("--store={server}/{NAME}"),
        format!("--messages=cassandra://{cassandra}/{NAME}"),
        format!("--relay={redis}"),
    ])
}

/// What the nodes show each other: made once, readable by this user alone.
fn secret(dir: &Path) -> Result<String> {
    let path = dir.join("cluster_secret");
    if let Ok(secret) = fs::read_to_string(&path) {
        return Ok(secret);
    }
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = File::create(&path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(secret.as_bytes())?;
    Ok(secret)
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn alive(nodes: &[Running]) -> Result<()> {
    match nodes.iter().find(|node| !node.is_alive()) {
        Some(node) => bail!("{} ended by itself\n{}", node.name, node.tail()),
        None => Ok(()),
    }
}

/// Until all of them say that they are ready.
fn wait(nodes: &[Running]) -> Result<()> {
    let start = Instant::now();
    while !nodes.iter().all(|node| is_ready(&node.address).unwrap_or_default()) {
        interrupt::check()?;
        alive(nodes)?;
        if start.elapsed() > READY_WITHIN {
            let tails: Vec<_> = nodes.iter().map(Running::tail).collect();
            bail!("the nodes are not ready after {READY_WITHIN:?}\n{}", tails.join("\n"));
        }
        sleep(POLL);
    }
    Ok(())
}

fn is_ready(address: &str) -> Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address.parse()?, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

fn tell(nodes: &[Running], programs: &Path) -> Result<()> {
    let said = fs::read_to_string(nodes[0].log())?;
    let demo = demo(&said);
    let urls: Vec<_> = nodes.iter().map(|node| format!("http://{}", node.address)).collect();
    println!(
        "\nThree nodes over Postgres, Redis and Cassandra; Ctrl-C ends them, their data stay in target/cluster:\n"
    );
    for (node, url) in nodes.iter().zip(&urls) {
        println!("    {url}    log: {}", node.log().display());
    }
    let Some((token, channel)) = demo else { return Ok(()) };
    let cli = programs.join("guildhall");
    let cli = cli.display();
    println!("\nIn one terminal, at one node:\n\n    export GUILDHALL_TOKEN={token}");
    println!("    {cli} --server {} listen --channel {channel}", urls[1]);
    println!("\nIn another terminal, at another node:\n\n    export GUILDHALL_TOKEN={token}");
    println!("    {cli} --server {} send {channel} hello\n", urls[2]);
    Ok(())
}

/// The token of the bot and its channel, out of what the first node printed.
fn demo(said: &str) -> Option<(&str, &str)> {
    // Before it there may be commands for whoever makes the first administrator.
    let (_, rest) = said.split_once("GUILDHALL_TOKEN=")?;
    let (_, send) = rest.split_once("guildhall send ")?;
    Some((rest.split_whitespace().next()?, send.split_whitespace().next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_found_in_what_the_server_prints() {
        let said = "Guildhall listens on http://127.0.0.1:7420\n\n    guildhall send Guildhall/general hello\n\nFor development\n\n    \
                    export GUILDHALL_SERVER=http://127.0.0.1:7420 GUILDHALL_TOKEN=ghb_x\n    guildhall send 75 hello\n";
        assert_eq!(demo(said), Some(("ghb_x", "75")));
        assert_eq!(demo("nothing"), None);
    }

    #[test]
    fn the_secret_is_made_once() {
        let dir = tempfile::TempDir::new().unwrap();
        let first = secret(dir.path()).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(secret(dir.path()).unwrap(), first);
    }
}
