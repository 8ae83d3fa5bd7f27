//! Where benchmarks happen: the binaries, a directory for data that goes when the run ends, and a database with accounts,
//! guilds and channels from which every server of a run begins.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::child::Child;
use crate::world::{SENDERS, World};

/// What a run has at hand.
pub(crate) struct Lab {
    /// Accounts, guilds and channels.
    pub(crate) world: World,
    /// Whether everything is to be short.
    pub(crate) quick: bool,
    binary: PathBuf,
    room: TempDir,
    template: PathBuf,
    count: AtomicUsize,
}

impl Lab {
    /// Makes the room, and the world in it.
    pub(crate) async fn new(binary: PathBuf, members: usize, quick: bool) -> Result<Self> {
        let room = tempfile::Builder::new().prefix("run-").tempdir_in(directory()?)?;
        let template = room.path().join("template");
        let mut lab = Self { world: World::default(), quick, binary, room, template, count: AtomicUsize::new(0) };
        let server = lab.server(&lab.template).await?;
        lab.world = World::make(server.addr(), (members, SENDERS)).await?;
        server.stop().await?;
        Ok(lab)
    }

    /// A new data directory with the world in it.
    pub(crate) fn copy_of_template(&self) -> Result<PathBuf> {
        let copy = self.new_path("data");
        fs::create_dir(&copy)?;
        for entry in fs::read_dir(&self.template)? {
            let entry = entry?;
            fs::copy(entry.path(), copy.join(entry.file_name()))?;
        }
        Ok(copy)
    }

    /// Starts the server on a data directory.
    pub(crate) async fn server(&self, data: &Path) -> Result<Child> {
        let serve = |addr: SocketAddr| {
            let mut command = Command::new(&self.binary);
            command.arg("serve").arg("--data-dir").arg(data);
            command.args([
                "--listen",
                &addr.to_string(),
                "--registration",
                "open",
                "--rate-limits",
                "off",
                "--log",
                "warn",
            ]);
            // All clients have one address, and none of them sends heartbeats.
            command.args(["--max-connections-per-ip", "0", "--max-sessions-per-user", "1000000"]);
            command.args(["--heartbeat-seconds", "300"]);
            command
        };
        Child::start(serve, &self.new_path("server.log")).await
    }

    /// Starts the baseline that streams these frames.
    pub(crate) async fn stream(&self, hello: &[u8], event: &[u8]) -> Result<Child> {
        let (hello, event) = (self.file(hello)?, self.file(event)?);
        let baseline = |addr: SocketAddr| {
            let mut command = baseline("baseline-stream");
            command.arg(addr.to_string()).arg(hello).arg(event);
            command
        };
        Child::start(baseline, &self.new_path("stream.log")).await
    }

    /// Starts the baseline that stores each message and answers with this frame.
    pub(crate) async fn echo(&self, data: &Path, reply: &[u8]) -> Result<Child> {
        let reply = self.file(reply)?;
        let baseline = |addr: SocketAddr| {
            let mut command = baseline("baseline-echo");
            command.arg(addr.to_string()).arg(data).arg(reply);
            command
        };
        Child::start(baseline, &self.new_path("echo.log")).await
    }

    /// Messages a second that the bare writer stores.
    pub(crate) fn writer(&self, data: &Path, duration: Duration) -> Result<f64> {
        printed_rate(baseline("baseline-writer").arg(data).arg(duration.as_secs_f64().to_string()))
    }

    /// The first, or when everything is to be short, the second.
    pub(crate) fn or_quick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    fn file(&self, content: &[u8]) -> Result<PathBuf> {
        let path = self.new_path("frame");
        fs::write(&path, content)?;
        Ok(path)
    }

    fn new_path(&self, name: &str) -> PathBuf {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        self.room.path().join(format!("{number:03}-{name}"))
    }
}

/// The command of a baseline.
pub(crate) fn baseline(name: &str) -> Command {
    // This program is what is running: on Linux it is there even if it was replaced meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command.arg(name);
    command
}

/// Runs a bare writer to its end; returns what it says that it has written a second.
pub(crate) fn printed_rate(command: &mut Command) -> Result<f64> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("the bare writer failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Where results are kept, and data while a run lasts: beside the binaries, on the same disk.
pub(crate) fn directory() -> Result<PathBuf> {
    let binary = std::env::current_exe()?;
    let target = binary.parent().and_then(Path::parent).context("the benchmark does not lie in a target directory")?;
    let directory = target.join("bench");
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// Builds the server as users get it, and says where it lies.
pub(crate) fn build_server() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--package", "guildhall-server", "--bin", "guildhall-server"]);
    if !build.status().context("cannot start cargo")?.success() {
        bail!("the server cannot be built");
    }
    let binary = std::env::current_exe()?.with_file_name("guildhall-server");
    match binary.exists() {
        true => Ok(binary),
        false => bail!("{} was not built: run the benchmark by `cargo xtask bench`", binary.display()),
    }
}
