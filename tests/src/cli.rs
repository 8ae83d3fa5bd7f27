//! The command line, run as a user would, with a home of its own.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::binaries::{CLI, binary};
use crate::deployment::{Deployment, User, clear_environment};
use crate::process::Process;

/// The CLI with a server and somebody's token.
#[derive(Clone, Debug)]
pub struct Cli {
    url: String,
    token: String,
    home: PathBuf,
}

impl Cli {
    /// For this user of this deployment.
    pub fn new(deployment: &Deployment, user: &User) -> Self {
        let home = deployment.scratch().join("home");
        std::fs::create_dir_all(&home).expect("a home");
        Self { url: deployment.next_url(), token: user.token.clone(), home }
    }

    /// The command with its environment.
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(binary(CLI));
        self.environment(&mut command);
        command.args(args);
        command
    }

    /// Gives a program the server, the token and the home.
    pub fn environment(&self, command: &mut Command) {
        clear_environment(command);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("XDG_") {
                command.env_remove(name);
            }
        }
        command.env("GUILDHALL_SERVER", &self.url).env("GUILDHALL_TOKEN", &self.token).env("HOME", &self.home);
    }

    /// Runs it to its end, with this on its stdin.
    ///
    /// # Panics
    /// If it cannot be run.
    pub async fn run<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>, stdin: &str) -> Output {
        use tokio::io::AsyncWriteExt;
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            tokio::process::Command::from(command).kill_on_drop(true).spawn().expect("the CLI can be started");
        let mut pipe = child.stdin.take().expect("a pipe");
        // It may end without reading.
        let _ = pipe.write_all(stdin.as_bytes()).await;
        drop(pipe);
        child.wait_with_output().await.expect("its output")
    }

    /// Starts it in the background; what it says goes to the log called `name`.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start<S: AsRef<std::ffi::OsStr>>(&self, name: &str, args: impl IntoIterator<Item = S>) -> Process {
        self.start_with(name, args, Stdio::null())
    }

    /// The same with something on its stdin.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start_with<S: AsRef<std::ffi::OsStr>>(
        &self,
        name: &str,
        args: impl IntoIterator<Item = S>,
        stdin: impl Into<Stdio>,
    ) -> Process {
        let log = self.home.join(format!("{name}.log"));
        Process::start(self.command(args), stdin, &log).expect("the CLI can be started")
    }
}
