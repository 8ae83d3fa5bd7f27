//! One server process of a deployment.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::eventually::eventually;
use crate::ports::free_port;
use crate::process::{Exit, Process};

/// Of Debian's `libfaketime`.
const FAKETIME: &str = "faketime/libfaketimeMT.so.1";

/// A node that has a place, and runs or not.
#[derive(Debug)]
pub(super) struct Node {
    /// Where clients reach it.
    pub(super) port: u16,
    /// Where the other nodes reach it.
    pub(super) node_port: u16,
    /// Where operators reach it.
    pub(super) metrics_port: Option<u16>,
    pub(super) log: PathBuf,
    /// How far its clock is off, from its next start on.
    pub(super) clock_seconds: i64,
    process: Option<Process>,
}

impl Node {
    pub(super) fn new(log: PathBuf, with_metrics: bool) -> Self {
        let metrics_port = with_metrics.then(free_port);
        Self { port: free_port(), node_port: free_port(), metrics_port, log, clock_seconds: 0, process: None }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn launch(&mut self, command: Command) {
        assert!(!self.runs(), "it runs already");
        let node = Process::start(command, Stdio::null(), &self.log).expect("the server can be started");
        self.process = Some(node);
    }

    /// By a library that stands before the system's own, so that the server and everything in it sees the wrong time, and
    /// needs no setting for it. How much time passes is not touched.
    pub(super) fn set_clock(&self, command: &mut Command) {
        if self.clock_seconds == 0 {
            return;
        }
        let library = Path::new("/usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH)).join(FAKETIME);
        assert!(library.exists(), "install libfaketime: {} is missing", library.display());
        command.env("LD_PRELOAD", library).env("FAKETIME", format!("{:+}s", self.clock_seconds));
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }

    pub(super) fn runs(&mut self) -> bool {
        self.process.as_mut().is_some_and(|node| node.ended().is_none())
    }

    pub(super) async fn serving(&mut self) {
        let port = self.port;
        let node = self.process();
        eventually("the server serves", async || {
            let ended = node.ended();
            assert!(ended.is_none(), "the server ended by itself: {ended:?}\n{}", node.tail());
            get(port, "/readyz").await.filter(|(status, _)| *status == 200).map(drop)
        })
        .await;
    }

    pub(super) fn kill9(&mut self) {
        self.process().kill9();
    }

    pub(super) async fn exit(&mut self, within: Duration) -> Exit {
        self.process().exit(within).await
    }

    pub(super) fn signal(&mut self, signal: Signal) {
        self.process().signal(signal);
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    pub(super) fn rss_bytes(&self) -> u64 {
        self.process.as_ref().map_or(0, Process::rss_bytes)
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it was started")
    }
}

/// Asks the port in plain HTTP, as a load balancer would: status and body.
pub(super) async fn get(port: u16, path: &str) -> Option<(u16, String)> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split_whitespace().nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    };
    tokio::time::timeout(Duration::from_secs(2), ask).await.ok().flatten()
}
