//! A program for each event: the event on its stdin and in its environment, its exit code the verdict.

use std::process::{ExitStatus, Stdio};

use guildhall::Client;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::event::{Happening, VARIABLES};
use super::work::Attempt;

/// A shell command and what it needs to answer.
#[derive(Debug)]
pub(super) struct Exec {
    command: String,
    /// The connection, so that `guildhall send` in the command speaks for the same account.
    connection: Vec<(&'static str, String)>,
}

impl Exec {
    pub(super) fn new(command: String, client: &Client) -> Self {
        let mut connection = vec![("GUILDHALL_SERVER", client.url().to_owned())];
        if let Some(token) = client.token() {
            connection.push(("GUILDHALL_TOKEN", token.expose().to_owned()));
        }
        Self { command, connection }
    }

    /// Runs it once.
    pub(super) async fn run(&self, happening: &Happening) -> Attempt {
        let line = match happening.json() {
            Ok(line) => line,
            Err(fault) => return Attempt::Refused(fault.to_string()),
        };
        let status = self.spawn(happening, line).await;
        match status {
            Ok(status) if status.success() => Attempt::Done,
            Ok(status) => Attempt::Failed(describe(status)),
            Err(error) => Attempt::Failed(error.to_string()),
        }
    }

    async fn spawn(&self, happening: &Happening, mut line: String) -> std::io::Result<ExitStatus> {
        line.push('\n');
        let mut command = Command::new("sh");
        command.arg("-c").arg(&self.command).stdin(Stdio::piped());
        for name in VARIABLES {
            command.env_remove(name);
        }
        let variables = happening.variables();
        let mut child = command.envs(variables).envs(self.connection.iter().cloned()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read its stdin has the variables.
            let _ = stdin.write_all(line.as_bytes()).await;
        }
        child.wait().await
    }
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("the command exited with {code}"),
        None => "the command was killed".to_owned(),
    }
}
