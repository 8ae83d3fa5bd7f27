//! Processes that outlive their starter, and how they are told from others that get their id later.

use std::fs;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde::{Deserialize, Serialize};

const POLL: Duration = Duration::from_millis(20);
/// How long a process may take to end as it was asked, before it is killed.
const END_WITHIN: Duration = Duration::from_secs(15);
/// Lines of a log that are shown when a start fails.
const TAIL_LINES: usize = 30;

/// A process that was started here, today or by an earlier command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    /// What it is a part of.
    pub(super) service: String,
    /// What it is called.
    pub(crate) name: String,
    /// Where it answers.
    pub(crate) address: String,
    pid: i32,
    /// When it was started, in ticks of the kernel: a later process of the same id has another one.
    start: u64,
    dir: PathBuf,
    /// Whether its directory stays when it ends.
    keep: bool,
    /// The program and its arguments, by which it is started again in its place.
    command: Vec<String>,
}

/// What is to be started.
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) command: Command,
    pub(crate) dir: PathBuf,
}

/// How it is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Interrupt,
    Terminate,
    Kill,
}

impl Running {
    /// Starts it, out of reach of the terminal's Ctrl-C.
    pub(super) fn start(plan: Plan, service: &str, keep: bool) -> Result<Self> {
        let Plan { name, address, mut command, dir } = plan;
        let log = log(&dir);
        let file = File::options().create(true).append(true).open(&log);
        let file = file.with_context(|| format!("cannot write {}", log.display()))?;
        command.current_dir(&dir).process_group(0);
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let pid = i32::try_from(child.id())?;
        let Some(start) = started(pid) else { bail!("{name} ended at once\n{}", tail(&log)) };
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let command = words.map(|word| word.to_string_lossy().into_owned()).collect();
        Ok(Self { service: service.to_owned(), name, address, pid, start, dir, keep, command })
    }

    /// Starts it again as it was, where it was, over what it has left on its disk.
    pub(super) fn start_again(&self) -> Result<Self> {
        let (program, args) =
            self.command.split_first().context("it was started by an older version of this program")?;
        let mut command = Command::new(program);
        command.args(args);
        let plan = Plan { name: self.name.clone(), address: self.address.clone(), command, dir: self.dir.clone() };
        Self::start(plan, &self.service, self.keep)
    }

    /// Stops it in its tracks, as a machine that hangs.
    pub(super) fn pause(&self) {
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_alive()) {
            let _ = kill_process(pid, Signal::STOP);
        }
    }

    /// Lets it go on.
    pub(super) fn go_on(&self) {
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_alive()) {
            let _ = kill_process(pid, Signal::CONT);
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether it still runs: this process, not a later one of the same id.
    pub(crate) fn is_alive(&self) -> bool {
        started(self.pid) == Some(self.start)
    }

    /// The end of what it said.
    pub(crate) fn tail(&self) -> String {
        tail(&log(&self.dir))
    }

    /// Where it writes what it says.
    pub(crate) fn log(&self) -> PathBuf {
        log(&self.dir)
    }

    /// Asks it to end, and does not wait.
    pub(super) fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it and waits until it is gone.
    pub(super) fn end(&self, stop: Stop) -> Result<()> {
        let signals = match stop {
            Stop::Interrupt => [Signal::INT, Signal::KILL],
            Stop::Terminate => [Signal::TERM, Signal::KILL],
            Stop::Kill => [Signal::KILL, Signal::KILL],
        };
        for signal in signals {
            if self.signal(signal) && self.gone() {
                return Ok(());
            }
        }
        if self.is_alive() {
            bail!("{} (process {}) does not end", self.name, self.pid);
        }
        Ok(())
    }

    /// Removes its directory, unless that is to stay.
    pub(super) fn clear(&self) -> Result<()> {
        if self.keep || !self.dir.exists() {
            return Ok(());
        }
        fs::remove_dir_all(&self.dir).with_context(|| format!("cannot remove {}", self.dir.display()))
    }

    /// Whether there was anybody to signal. A stopped process is let go on, or it could not hear.
    fn signal(&self, signal: Signal) -> bool {
        let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_alive()) else { return true };
        let signaled = kill_process(pid, signal).is_ok();
        let _ = kill_process(pid, Signal::CONT);
        signaled
    }

    fn gone(&self) -> bool {
        let start = Instant::now();
        loop {
            // If it is a child of this very process, somebody has to ask for its status.
            let _ = Pid::from_raw(self.pid).map(|pid| waitpid(Some(pid), WaitOptions::NOHANG));
            if !self.is_alive() {
                return true;
            }
            if start.elapsed() > END_WITHIN {
                return false;
            }
            sleep(POLL);
        }
    }
}

/// When a process was started; `None` = it is over, even if nobody has asked for its status yet.
fn started(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, blanks and brackets too.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<_> = fields.split_whitespace().collect();
    let is_over = matches!(*fields.first()?, "Z" | "X");
    fields.get(19)?.parse().ok().filter(|_| !is_over)
}

fn log(dir: &Path) -> PathBuf {
    dir.join("out.log")
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(dir: &Path) -> Running {
        let mut command = Command::new("sleep");
        command.arg("60");
        let plan = Plan { name: "sleeper".to_owned(), address: String::new(), command, dir: dir.to_owned() };
        Running::start(plan, "test", true).unwrap()
    }

    #[test]
    fn a_process_is_known_until_it_ends() {
        let dir = tempfile::TempDir::new().unwrap();
        for stop in [Stop::Interrupt, Stop::Terminate, Stop::Kill] {
            let running = sleeper(dir.path());
            assert!(running.is_alive());
            running.end(stop).unwrap();
            assert!(!running.is_alive());
            running.end(stop).unwrap();
        }
    }

    #[test]
    fn a_later_process_of_the_same_id_is_not_touched() {
        let dir = tempfile::TempDir::new().unwrap();
        let running = sleeper(dir.path());
        let other = Running { start: running.start + 1, ..running.clone() };
        assert!(!other.is_alive());
        other.end(Stop::Kill).unwrap();
        assert!(running.is_alive());
        running.end(Stop::Kill).unwrap();
    }

    #[test]
    fn a_stopped_process_is_ended_too() {
        let dir = tempfile::TempDir::new().unwrap();
        let running = sleeper(dir.path());
        kill_process(Pid::from_raw(running.pid).unwrap(), Signal::STOP).unwrap();
        running.end(Stop::Terminate).unwrap();
        assert!(!running.is_alive());
    }
}
