//! Where the repository lies and how other programs are run in it.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::interrupt;

const POLL: Duration = Duration::from_millis(20);
/// How long a command may take to end when it is asked to.
const END_WITHIN: Duration = Duration::from_secs(15);

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}

/// What is made and not checked in. `buf.yaml` names it, so it is here even if cargo builds elsewhere.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// Where tools that are not Rust crates of this workspace are installed.
pub(crate) fn tools() -> PathBuf {
    target().join("tools")
}

/// A command that runs in the root of the repository.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// `cargo`, the one that runs this.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command with its output shown as it comes, and fails unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = describe(command);
    println!("$ {name}");
    let cannot = || format!("cannot start `{name}`");
    let status = match interrupt::is_listening() {
        false => command.status().with_context(cannot)?,
        true => supervise(command.process_group(0).spawn().with_context(cannot)?)?,
    };
    interrupt::check()?;
    ensure!(status.success(), "`{name}` failed: {status}");
    Ok(())
}

/// Waits for a child that leads a group of its own. A signal is handed on to all of the group, so that nothing of it is
/// left when this returns.
fn supervise(mut child: Child) -> Result<ExitStatus> {
    let mut asked: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let signal = match asked {
            None => Signal::INT,
            Some(_) => Signal::KILL,
        };
        if interrupt::came() && asked.is_none_or(|at| at.elapsed() > END_WITHIN) {
            // It fails only if the group is gone.
            let _ = kill_process_group(Pid::from_child(&child), signal);
            asked = Some(Instant::now());
        }
        std::thread::sleep(POLL);
    }
}

/// Runs a command and returns what it prints.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let name = describe(command);
    let output = command.output().with_context(|| format!("cannot start `{name}`"))?;
    ensure!(output.status.success(), "`{name}` failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).with_context(|| format!("`{name}` printed bytes that are not text"))
}

fn describe(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let short = program.rsplit('/').next().unwrap_or_default().to_owned();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    std::iter::once(short).chain(args).collect::<Vec<_>>().join(" ")
}
