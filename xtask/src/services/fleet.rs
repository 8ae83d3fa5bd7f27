//! The services that run, written down in a file, so that another command finds and ends them; one command at a time has
//! the file.

use std::fs::{self, File};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::child::{Plan, Running, Stop};
use super::place::Keep;
use super::service::Service;
use crate::interrupt;

const POLL: Duration = Duration::from_millis(50);
/// What programs are called that are no services.
const GUEST: &str = "guest";

/// Services that belong together: those of the tests, or those of a cluster to work with.
pub(crate) struct Fleet {
    dir: PathBuf,
    keep: Keep,
}

impl Fleet {
    /// The fleet that is written down in this directory.
    pub(crate) fn at(dir: PathBuf, keep: Keep) -> Self {
        Self { dir, keep }
    }

    /// Starts what does not run yet, and waits until each of them serves. Returns those that were started now.
    pub(crate) fn up(&self, wanted: &[Service]) -> Result<Vec<Service>> {
        let _held = self.hold()?;
        let mut started = Vec::new();
        for &service in wanted {
            if self.is_up(service)? {
                eprintln!("{} runs already", service.name());
                continue;
            }
            // What is left of one that crashed.
            self.end(service.name(), service.stop())?;
            started.push(service);
            if let Err(error) = self.start(service) {
                self.end_all(&started)?;
                return Err(error).with_context(|| format!("cannot start {}", service.name()));
            }
        }
        Ok(started)
    }

    /// Ends these, and nothing that was not started here.
    pub(crate) fn down(&self, services: &[Service]) -> Result<()> {
        let _held = self.hold()?;
        self.end_all(services)
    }

    /// Puts what `change` makes of a process in its place.
    pub(super) fn change(&self, name: &str, change: impl FnOnce(&Running) -> Result<Running>) -> Result<Running> {
        let _held = self.hold()?;
        let mut running = self.running()?;
        let process = running.iter_mut().find(|process| process.name == name);
        let process = process.with_context(|| format!("no process is called `{name}`"))?;
        *process = change(process)?;
        let changed = process.clone();
        self.write(&running)?;
        Ok(changed)
    }

    /// Starts a program that is no service but belongs to them, such as a server that stores in them.
    pub(crate) fn start_guest(&self, plan: Plan) -> Result<Running> {
        let _held = self.hold()?;
        self.spawn(plan, GUEST)
    }

    /// Ends all of those, by SIGTERM and all at once.
    pub(crate) fn end_guests(&self) -> Result<()> {
        let _held = self.hold()?;
        for guest in self.running()?.iter().filter(|process| process.service == GUEST) {
            guest.ask_to_end();
        }
        self.end(GUEST, Stop::Terminate)
    }

    /// What was started and not ended, crashed ones too.
    pub(crate) fn running(&self) -> Result<Vec<Running>> {
        let path = self.state();
        match fs::read_to_string(&path) {
            Ok(text) => {
                serde_json::from_str(&text).with_context(|| format!("{} is not what was written to it", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// What programs are told: names and values of variables, for the services that run.
    pub(crate) fn variables(&self) -> Result<Vec<(&'static str, String)>> {
        let running = self.running()?;
        let addresses = |service: Service| -> Option<Vec<&str>> {
            let of_it: Vec<_> = running.iter().filter(|process| process.service == service.name()).collect();
            let is_up = !of_it.is_empty() && of_it.iter().all(|process| process.is_alive());
            is_up.then(|| of_it.iter().map(|process| process.address.as_str()).collect())
        };
        let of = |service: Service| Some((service.variable(), service.url(&addresses(service)?)));
        Ok(Service::ALL.into_iter().filter_map(of).collect())
    }

    /// The file with all of it.
    fn state(&self) -> PathBuf {
        self.dir.join("running.json")
    }

    fn is_up(&self, service: Service) -> Result<bool> {
        let running = self.running()?;
        let mut of_it = running.iter().filter(|process| process.service == service.name()).peekable();
        Ok(of_it.peek().is_some() && of_it.all(Running::is_alive))
    }

    fn start(&self, service: Service) -> Result<()> {
        let began = Instant::now();
        service.install()?;
        let plans = service.plans(&self.keep)?;
        let mut started = Vec::new();
        for plan in plans {
            started.push(self.spawn(plan, service.name())?);
        }
        wait(service, &started)?;
        let addresses: Vec<_> = started.iter().map(|process| process.address.as_str()).collect();
        let seconds = began.elapsed().as_secs_f64();
        eprintln!("{} serves at {} after {seconds:.1} s", service.name(), addresses.join(", "));
        Ok(())
    }

    /// Written down at once: whatever happens next, it can be ended.
    fn spawn(&self, plan: Plan, service: &str) -> Result<Running> {
        let process = Running::start(plan, service, self.keep.is_for_good())?;
        let mut running = self.running()?;
        running.push(process.clone());
        self.write(&running)?;
        Ok(process)
    }

    fn end_all(&self, services: &[Service]) -> Result<()> {
        services.iter().rev().try_for_each(|service| self.end(service.name(), service.stop()))
    }

    fn end(&self, service: &str, stop: Stop) -> Result<()> {
        let mut running = self.running()?;
        for process in running.iter().filter(|process| process.service == service) {
            process.end(stop)?;
            process.clear()?;
        }
        running.retain(|process| process.service != service);
        self.write(&running)
    }

    /// By a rename, so that a reader never sees half of it.
    fn write(&self, running: &[Running]) -> Result<()> {
        let (path, new) = (self.state(), self.dir.join("running.new"));
        fs::write(&new, serde_json::to_string_pretty(running)?)?;
        fs::rename(&new, &path).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Held until dropped. Another command waits.
    fn hold(&self) -> Result<File> {
        fs::create_dir_all(&self.dir).with_context(|| format!("cannot make {}", self.dir.display()))?;
        let file = File::options().create(true).append(true).open(self.dir.join("lock"))?;
        file.lock().context("cannot lock the list of services")?;
        Ok(file)
    }
}

fn wait(service: Service, started: &[Running]) -> Result<()> {
    let addresses: Vec<_> = started.iter().map(|process| process.address.as_str()).collect();
    let began = Instant::now();
    loop {
        let Err(error) = service.ready(&addresses) else { return Ok(()) };
        interrupt::check()?;
        for process in started {
            if !process.is_alive() {
                bail!("{} ended by itself\n{}", process.name, process.tail());
            }
        }
        if began.elapsed() > service.patience() {
            let tails: Vec<_> = started.iter().map(Running::tail).collect();
            return Err(error.context(format!("not ready after {:?}\n{}", service.patience(), tails.join("\n"))));
        }
        sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn what_runs_is_written_down_and_ended_by_another_command() {
        let dir = TempDir::new().unwrap();
        let fleet = || Fleet::at(dir.path().join("fleet"), Keep::Scratch { durable: false });
        // Nothing runs.
        fleet().down(&Service::ALL).unwrap();
        assert_eq!(fleet().up(&[Service::Redis]).unwrap(), [Service::Redis]);
        assert_eq!(fleet().up(&[Service::Redis]).unwrap(), [], "it is not started twice");
        let running = fleet().running().unwrap();
        assert_eq!(running.len(), 1);
        let variables = fleet().variables().unwrap();
        assert_eq!(variables, [("TEST_REDIS_URL", format!("redis://{}", running[0].address))]);
        let scratch = running[0].log();
        assert!(scratch.exists());
        fleet().down(&Service::ALL).unwrap();
        assert!(!running[0].is_alive());
        assert!(!scratch.exists());
        assert_eq!(fleet().running().unwrap().len(), 0);
    }

    #[test]
    fn a_crashed_one_is_told_and_started_anew() {
        let dir = TempDir::new().unwrap();
        let fleet = Fleet::at(dir.path().to_owned(), Keep::Scratch { durable: false });
        fleet.up(&[Service::Redis]).unwrap();
        let crashed = fleet.running().unwrap().remove(0);
        crashed.end(Stop::Kill).unwrap();
        assert!(!fleet.running().unwrap()[0].is_alive());
        assert_eq!(fleet.variables().unwrap(), []);
        assert_eq!(fleet.up(&[Service::Redis]).unwrap(), [Service::Redis]);
        let running = fleet.running().unwrap();
        assert_eq!(running.len(), 1);
        assert_ne!(running[0].pid(), crashed.pid());
        fleet.down(&[Service::Redis]).unwrap();
    }

    #[test]
    fn postgres_serves_and_has_databases() {
        let dir = TempDir::new().unwrap();
        let fleet = Fleet::at(dir.path().to_owned(), Keep::Scratch { durable: false });
        fleet.up(&[Service::Postgres]).unwrap();
        let (_, url) = fleet.variables().unwrap().remove(0);
        for _ in 0..2 {
            super::super::create_database(&url, "guildhall").unwrap();
        }
        fleet.down(&[Service::Postgres]).unwrap();
    }
}
