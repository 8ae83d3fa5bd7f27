//! A server and a home directory, and ways to run the command line between them.

use std::future::Future;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use guildhall_server::testing::TestServer;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_guildhall");
pub(crate) const PASSWORD: &str = "correct horse battery";
/// Far beyond what anything here takes, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server and somebody's home directory.
pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) home: TempDir,
    url: String,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(TestServer::start().await)
    }

    pub(crate) fn with(server: TestServer) -> Self {
        let home = tempfile::tempdir().unwrap();
        let url = server.url();
        Self { server, home, url }
    }

    /// A world with `ada`, who owns the guild `Tea room` with its channel `general`.
    pub(crate) async fn with_ada() -> Self {
        let world = Self::start().await;
        world.register("ada").await;
        world.ok(&["guild", "create", "Tea room"]).await;
        world
    }

    /// An account, in a context of its name that is the current one from now on.
    pub(crate) async fn register(&self, name: &str) {
        let args = ["--context", name, "register", name, "--password-stdin"];
        let outcome = self.run_with(&args, PASSWORD).await;
        assert_eq!(outcome.code, 0, "{outcome:?}");
    }

    /// Nothing of this machine's environment reaches the command.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("GUILDHALL_SERVER", &self.url)
            .env("GUILDHALL_KEYRING", "off")
            .env("BINARY", BINARY)
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn run(&self, args: &[&str]) -> Outcome {
        finish(self.command(args)).await
    }

    pub(crate) async fn run_with(&self, args: &[&str], stdin: impl AsRef<[u8]>) -> Outcome {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let input = stdin.as_ref().to_vec();
        let writer = tokio::spawn(async move {
            // A command that does not read all of it has its reasons.
            let _ = pipe.write_all(&input).await;
        });
        let outcome = collect(child).await;
        writer.await.unwrap();
        outcome
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub(crate) async fn ok(&self, args: &[&str]) -> String {
        let outcome = self.run(args).await;
        assert_eq!(outcome.code, 0, "{args:?}: {outcome:?}");
        outcome.stdout
    }

    /// Runs a command that must succeed, and returns its lines of JSON.
    pub(crate) async fn json(&self, args: &[&str]) -> Vec<Value> {
        let mut all = vec!["--json"];
        all.extend(args);
        lines_of_json(&self.ok(&all).await)
    }

    /// Runs a command that must fail, and returns its exit code and the error that it tells.
    pub(crate) async fn fails(&self, args: &[&str]) -> (i32, Value) {
        let mut all = vec!["--json"];
        all.extend(args);
        let outcome = self.run(&all).await;
        assert_ne!(outcome.code, 0, "{args:?}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{args:?}");
        let last = outcome.stderr.lines().last().unwrap_or_default();
        let json: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{args:?}: {outcome:?}"));
        (outcome.code, json["error"].clone())
    }

    /// The id of the channel `general`.
    pub(crate) async fn channel(&self) -> String {
        let channels = self.json(&["channel", "list", "Tea room"]).await;
        channels[0]["id"].as_str().unwrap().to_owned()
    }

    /// The texts of `general`, oldest first.
    pub(crate) async fn texts(&self) -> Vec<String> {
        let messages = self.json(&["history", "#general", "--all"]).await;
        let text = |message: &Value| message["content"].as_str().unwrap().to_owned();
        messages.iter().map(text).collect()
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name)
    }

    /// What a file of the home directory holds; nothing if it is not there.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Starts a listener and waits until it hears.
    pub(crate) async fn listen(&self, args: &[&str]) -> Listener {
        self.listen_as(args, &[]).await
    }

    /// The same with further variables.
    pub(crate) async fn listen_as(&self, args: &[&str], variables: &[(&str, &str)]) -> Listener {
        let mut listener = self.spawn_listener(args, variables);
        listener.connected().await;
        listener
    }

    /// Starts a listener that may not find the server yet.
    pub(crate) fn spawn_listener(&self, args: &[&str], variables: &[(&str, &str)]) -> Listener {
        let mut all = vec!["listen"];
        all.extend(args);
        let mut command = self.command(&all);
        let mut child = command.envs(variables.iter().copied()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        Listener { child, stdout, stderr }
    }
}

/// A `guildhall listen` that runs.
pub(crate) struct Listener {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Lines<BufReader<tokio::process::ChildStderr>>,
}

impl Listener {
    /// Waits until it hears.
    pub(crate) async fn connected(&mut self) {
        self.says("connected").await;
    }

    /// Waits for a line on stderr that has this in it.
    pub(crate) async fn says(&mut self, part: &str) -> String {
        let mut seen = Vec::new();
        loop {
            let line = within(self.stderr.next_line()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("no `{part}` in {seen:?}"));
            if line.contains(part) {
                return line;
            }
            seen.push(line);
        }
    }

    /// The next line of stdout.
    pub(crate) async fn line(&mut self) -> String {
        within(self.stdout.next_line()).await.unwrap().expect("a line")
    }

    /// The next lines of stdout.
    pub(crate) async fn lines(&mut self, count: usize) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.len() < count {
            lines.push(self.line().await);
        }
        lines
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Value {
        serde_json::from_str(&self.line().await).unwrap()
    }

    /// Sends a signal, waits for the end, and returns the rest of stdout with the exit code.
    pub(crate) async fn end(mut self, signal: &str) -> (Vec<String>, i32) {
        self.signal(signal).await;
        let mut rest = Vec::new();
        while let Some(line) = within(self.stdout.next_line()).await.unwrap() {
            rest.push(line);
        }
        let status = within(self.child.wait()).await.unwrap();
        (rest, code(status))
    }

    /// Kills it while a program of it may hold its stdout open.
    pub(crate) async fn end_now(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) async fn exit(mut self) -> i32 {
        code(within(self.child.wait()).await.unwrap())
    }

    pub(crate) async fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status().await.unwrap();
        assert!(sent.success());
    }
}

pub(crate) fn lines_of_json(text: &str) -> Vec<Value> {
    let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    text.lines().map(read).collect()
}

pub(crate) async fn finish(mut command: Command) -> Outcome {
    collect(command.spawn().unwrap()).await
}

async fn collect(child: Child) -> Outcome {
    let output = within(child.wait_with_output()).await.unwrap();
    Outcome {
        code: code(output.status),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes far too long")
}

/// Looks again and again until something is so.
pub(crate) async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !check().await {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
