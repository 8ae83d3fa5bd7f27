//! Real servers for the tests: each on a port of its own, in its own directory, ended with the test.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

/// A Redis of one test.
pub(super) struct RedisServer {
    port: u16,
    child: Option<Child>,
    folder: TempDir,
}

impl RedisServer {
    pub(super) fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
        let mut server = Self { port, child: None, folder: tempfile::tempdir().expect("a folder") };
        server.run();
        server
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it, or starts it again.
    pub(super) fn run(&mut self) {
        let port = self.port.to_string();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no", "--daemonize", "no"])
            .arg("--dir")
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.expect("redis-server runs (Debian: redis-server)"));
        for _ in 0..500 {
            if self.cli(&["ping"]).trim() == "PONG" {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("Redis does not answer");
    }

    pub(super) fn cli(&self, command: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(command).output();
        String::from_utf8_lossy(&output.expect("redis-cli runs").stdout).into_owned()
    }

    /// kill -9.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("gone");
        }
    }

    pub(super) fn signal(&self, signal: rustix::process::Signal) {
        let id = self.child.as_ref().expect("it runs").id();
        let id = rustix::process::Pid::from_raw(i32::try_from(id).expect("a pid")).expect("a pid");
        rustix::process::kill_process(id, signal).expect("signalled");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
