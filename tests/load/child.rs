//! Processes that are measured: the server and the baselines. Each is a child with its own CPU time and memory, and ends
//! by its own process id.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

/// How long a child may take to begin or to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// Ticks of the kernel's accounts per second, the same on every Linux.
const TICKS: f64 = 100.0;

/// Children that live, for the account of the machine.
static LIVE: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A child. Dropped, it is killed.
pub(crate) struct Child {
    process: process::Child,
    addr: SocketAddr,
}

impl Child {
    /// Starts a child that listens on the address that `command` is given; what it prints goes to `log`.
    pub(crate) async fn start(command: impl FnOnce(SocketAddr) -> Command, log: &Path) -> Result<Self> {
        let addr = free_address()?;
        Self::start_at(addr, command(addr), log).await
    }

    /// Starts a child that listens on that address.
    pub(crate) async fn start_at(addr: SocketAddr, mut command: Command, log: &Path) -> Result<Self> {
        let output = File::create(log).with_context(|| log.display().to_string())?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let process = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        LIVE.lock().push(process.id());
        let mut child = Self { process, addr };
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(addr).await.is_err() {
            if let Some(status) = child.process.try_wait()? {
                bail!("{command:?} ended with {status}:\n{}", fs::read_to_string(log).unwrap_or_default());
            }
            if begun.elapsed() > PATIENCE {
                bail!("{command:?} does not listen on {addr}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(child)
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// CPU time that it has used.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu_of(&[self.pid()])
    }

    /// Its memory, in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }

    /// Asks it to end and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        if let Some(pid) = Pid::from_raw(i32::try_from(self.process.id())?) {
            kill_process(pid, Signal::TERM)?;
        }
        let begun = Instant::now();
        while self.process.try_wait()?.is_none() {
            if begun.elapsed() > PATIENCE {
                bail!("the child {} does not end", self.process.id());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        LIVE.lock().retain(|pid| *pid != self.process.id());
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Waits until it does next to nothing.
    pub(crate) async fn settle(&self) -> Result<()> {
        const STEP: Duration = Duration::from_millis(500);
        let begun = Instant::now();
        let mut before = self.cpu()?;
        while begun.elapsed() < PATIENCE {
            tokio::time::sleep(STEP).await;
            let now = self.cpu()?;
            if now.saturating_sub(before) < STEP / 20 {
                return Ok(());
            }
            before = now;
        }
        bail!("the child {} does not come to rest", self.process.id());
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// CPU time of this program and all its children, ended ones included.
pub(crate) fn cpu_of_all() -> Result<Duration> {
    let own = stat("self")?;
    let mut ticks: u64 = own[..4].iter().sum();
    for pid in LIVE.lock().iter() {
        let stat = stat(&pid.to_string()).unwrap_or_default();
        ticks += stat[0] + stat[1];
    }
    Ok(Duration::from_secs_f64(ticks as f64 / TICKS))
}

/// CPU time that anybody on this machine has used or that was taken from it.
pub(crate) fn cpu_of_machine() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("no accounts of the machine")?;
    let fields: Vec<u64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal
    let busy = fields.iter().take(8).enumerate().filter(|(place, _)| !matches!(place, 3 | 4)).map(|(_, ticks)| ticks);
    Ok(Duration::from_secs_f64(busy.sum::<u64>() as f64 / TICKS))
}

/// CPU time that these processes have used together.
pub(crate) fn cpu_of(pids: &[u32]) -> Result<Duration> {
    let mut ticks = 0;
    for pid in pids {
        let [user, system, ..] = stat(&pid.to_string())?;
        ticks += user + system;
    }
    Ok(Duration::from_secs_f64(ticks as f64 / TICKS))
}

/// Counts processes that were started otherwise among one's own, for the account of the machine.
pub(crate) fn adopt(pids: &[u32]) {
    LIVE.lock().extend(pids);
}

/// utime, stime, cutime, cstime.
fn stat(pid: &str) -> Result<[u64; 4]> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("not a stat line")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let field = |place: usize| fields.get(place).and_then(|field| field.parse().ok()).unwrap_or_default();
    Ok([field(11), field(12), field(13), field(14)])
}

/// An address that nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
