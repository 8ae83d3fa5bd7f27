//! A deployment: what a black-box test is written against. Today it is one server process over SQLite; the tests ask it
//! for addresses, users and faults, so that they need no change when it is a cluster.

mod database;
mod people;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::binaries::{SERVER, binary};
use crate::eventually::{PATIENCE, eventually};
use crate::ports::free_port;
use crate::process::{Exit, Process};

pub use people::{Guild, User};

/// A running deployment. Dropped, it is gone without a trace; if the test failed, the end of its log is shown.
#[derive(Debug)]
pub struct Deployment {
    settings: Vec<(&'static str, String)>,
    port: u16,
    // Before the directory: at its end it shows its log, if that is wanted.
    node: Option<Process>,
    dir: TempDir,
    users: tokio::sync::Mutex<HashMap<String, User>>,
}

/// How a deployment is to run.
#[derive(Debug, Default)]
pub struct Builder {
    settings: Vec<(&'static str, String)>,
}

impl Builder {
    /// Sets a key of the server's settings, such as `heartbeat_seconds`.
    #[must_use]
    pub fn set(mut self, key: &'static str, value: impl ToString) -> Self {
        self.settings.push((key, value.to_string()));
        self
    }

    /// Starts it.
    pub async fn start(self) -> Deployment {
        let mut deployment = self.prepare();
        deployment.restart().await;
        deployment
    }

    /// Takes its port and its data directory, but starts nothing yet.
    pub fn prepare(self) -> Deployment {
        Deployment {
            settings: self.settings,
            port: free_port(),
            dir: TempDir::with_prefix("guildhall-it-").expect("a temporary directory"),
            node: None,
            users: tokio::sync::Mutex::default(),
        }
    }
}

impl Deployment {
    /// A deployment with settings of its own.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A deployment as it comes, but open to everybody.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Sets a key of the settings for the next start.
    pub fn set(&mut self, key: &'static str, value: impl ToString) {
        self.settings.retain(|(known, _)| *known != key);
        self.settings.push((key, value.to_string()));
    }

    /// The addresses of its nodes.
    pub fn urls(&self) -> Vec<String> {
        vec![format!("http://127.0.0.1:{}", self.port)]
    }

    /// The address of a node, another one for another number if there are several.
    pub fn url(&self, number: usize) -> String {
        let urls = self.urls();
        urls[number % urls.len()].clone()
    }

    /// A directory for the files of the test, gone with the deployment.
    pub fn scratch(&self) -> &Path {
        self.dir.path()
    }

    /// Where its data lies.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What its nodes said.
    pub fn log(&self) -> PathBuf {
        self.dir.path().join("server.log")
    }

    /// The command that starts a node of it at this port; 0 is any free one.
    pub fn command(&self, port: u16) -> Command {
        let mut command = Command::new(binary(SERVER));
        clear_environment(&mut command);
        command.arg("serve").arg("--listen").arg(format!("127.0.0.1:{port}"));
        command.arg("--data-dir").arg(self.data_dir());
        if !self.settings.iter().any(|(key, _)| *key == "registration") {
            command.args(["--registration", "open"]);
        }
        for (key, value) in &self.settings {
            command.arg(format!("--{}={value}", key.replace('_', "-")));
        }
        command
    }

    /// Starts it, or starts it again, at the same address on the same data, and waits until it serves.
    pub async fn restart(&mut self) {
        self.launch();
        self.serving().await;
    }

    /// Starts it without waiting for anything.
    pub fn launch(&mut self) {
        assert!(self.node.as_mut().is_none_or(|node| node.ended().is_some()), "it runs already");
        let node =
            Process::start(self.command(self.port), Stdio::null(), &self.log()).expect("the server can be started");
        self.node = Some(node);
    }

    /// Waits until it serves.
    pub async fn serving(&mut self) {
        let port = self.port;
        let node = self.node();
        eventually("the server serves", async || {
            let ended = node.ended();
            assert!(ended.is_none(), "the server ended by itself: {ended:?}\n{}", node.tail());
            is_ready(port).await.then_some(())
        })
        .await;
    }

    /// Kills a node: SIGKILL, nothing is told to anybody.
    pub fn kill9(&mut self) {
        self.node().kill9();
    }

    /// Asks a node to go down, and waits until it is gone.
    pub async fn terminate(&mut self) -> Exit {
        self.signal(Signal::TERM);
        self.exit(PATIENCE).await
    }

    /// Waits until a node is gone.
    pub async fn exit(&mut self, within: Duration) -> Exit {
        self.node().exit(within).await
    }

    /// Stops a node in its tracks, as a machine that hangs.
    pub fn pause(&mut self) {
        self.signal(Signal::STOP);
    }

    /// Lets a paused node go on.
    pub fn resume(&mut self) {
        self.signal(Signal::CONT);
    }

    /// Sends a signal to a node.
    pub fn signal(&mut self, signal: Signal) {
        self.node().signal(signal);
    }

    /// Bytes of memory that a node holds.
    pub fn rss_bytes(&self) -> u64 {
        self.node.as_ref().map_or(0, Process::rss_bytes)
    }

    fn node(&mut self) -> &mut Process {
        self.node.as_mut().expect("it was started")
    }
}

/// Settings of whoever runs the tests are none of theirs.
pub fn clear_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GUILDHALL_") {
            command.env_remove(name);
        }
    }
}

/// Asks the port, as a load balancer would.
async fn is_ready(port: u16) -> bool {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let request = format!("GET /readyz HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        answer.starts_with(b"HTTP/1.1 200").then_some(())
    };
    tokio::time::timeout(Duration::from_secs(2), ask).await.ok().flatten().is_some()
}
