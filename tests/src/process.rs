//! A program under test as a child process: its signals, its end, its output in a file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How often the end of a process is looked for.
const POLL: Duration = Duration::from_millis(5);
/// Lines of a log that are shown when a test fails.
const TAIL_LINES: usize = 60;

/// A child that does not outlive its handle.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

/// How a process ended.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// Its status.
    pub status: ExitStatus,
    /// How long it took from when it was asked.
    pub took: Duration,
}

impl Process {
    /// Starts a program. What it says is added to `log`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(mut command: Command, stdin: impl Into<Stdio>, log: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        let child = command.stdin(stdin).stdout(file.try_clone()?).stderr(file).spawn()?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, unless it has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            // The child was not waited for yet, so the id is still its own.
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked for its status")
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end within the time.
    pub async fn exit(&mut self, within: Duration) -> Exit {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Exit { status, took: start.elapsed() };
            }
            assert!(start.elapsed() < within, "process {} runs on after {within:?}\n{}", self.pid(), self.tail());
            tokio::time::sleep(POLL).await;
        }
    }

    /// Kills it: SIGKILL, as a power cut would.
    pub fn kill9(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    /// Bytes of memory that it holds.
    pub fn rss_bytes(&self) -> u64 {
        const PAGE_BYTES: u64 = 4096;
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.pid())).unwrap_or_default();
        let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
        pages.unwrap_or_default() * PAGE_BYTES
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let early = self.ended();
        self.kill9();
        if std::thread::panicking() {
            eprintln!("--- process {} ({early:?} by itself), end of its log:\n{}\n---", self.pid(), self.tail());
        }
    }
}
