//! Faults of services, for whoever tests what stands on them: one process of them is killed, stopped in its tracks, let go
//! on, or started again in its place.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use super::child::{Running, Stop};
use super::fleet::Fleet;
use super::service::Service;

const POLL: Duration = Duration::from_millis(20);

/// What is done to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// SIGKILL
    Kill,
    /// Asked to end as its service is asked, and waited for
    End,
    /// SIGSTOP
    Pause,
    /// SIGCONT
    GoOn,
    /// Started again as it was, unless it runs
    Start,
    /// Waited for until it answers
    Await,
}

impl Fleet {
    /// Does it to the process of this name, such as `redis` or `cassandra3-2`.
    pub(crate) fn inflict(&self, fault: Fault, name: &str) -> Result<()> {
        if fault == Fault::Await {
            return self.wait_for(name);
        }
        let change = |process: &Running| {
            match fault {
                Fault::Kill => process.end(Stop::Kill)?,
                Fault::End => process.end(service(process)?.stop())?,
                Fault::Pause => process.pause(),
                Fault::GoOn => process.go_on(),
                Fault::Start if !process.is_alive() => return process.start_again(),
                Fault::Start | Fault::Await => {}
            }
            Ok(process.clone())
        };
        self.change(name, change).map(drop)
    }

    fn wait_for(&self, name: &str) -> Result<()> {
        let running = self.running()?;
        let process = running.iter().find(|process| process.name == name);
        let process = process.with_context(|| format!("no process is called `{name}`"))?;
        let service = service(process)?;
        let began = Instant::now();
        while let Err(error) = service.answers(&process.address) {
            if !process.is_alive() {
                bail!("{name} ended by itself\n{}", process.tail());
            }
            if began.elapsed() > service.patience() {
                return Err(error.context(format!("{name} does not answer\n{}", process.tail())));
            }
            sleep(POLL);
        }
        Ok(())
    }
}

fn service(process: &Running) -> Result<Service> {
    process.service.parse().map_err(anyhow::Error::msg)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::place::Keep;
    use super::*;

    #[test]
    fn a_service_dies_hangs_and_comes_back_in_its_place() {
        let dir = TempDir::new().unwrap();
        let fleet = Fleet::at(dir.path().to_owned(), Keep::Scratch { durable: false });
        fleet.up(&[Service::Redis]).unwrap();
        let first = fleet.running().unwrap().remove(0);
        fleet.inflict(Fault::Start, "redis").unwrap();
        assert_eq!(fleet.running().unwrap()[0].pid(), first.pid(), "it runs already");
        for end in [Fault::Kill, Fault::End] {
            fleet.inflict(end, "redis").unwrap();
            assert!(!fleet.running().unwrap()[0].is_alive());
            assert!(fleet.inflict(Fault::Await, "redis").is_err());
            fleet.inflict(Fault::Start, "redis").unwrap();
            fleet.inflict(Fault::Await, "redis").unwrap();
        }
        let second = fleet.running().unwrap().remove(0);
        assert_eq!((&second.address, second.pid() == first.pid()), (&first.address, false));
        fleet.inflict(Fault::Pause, "redis").unwrap();
        assert!(Service::Redis.answers(&second.address).is_err());
        fleet.inflict(Fault::GoOn, "redis").unwrap();
        fleet.inflict(Fault::Await, "redis").unwrap();
        assert!(fleet.inflict(Fault::Kill, "nobody").is_err());
        fleet.down(&Service::ALL).unwrap();
        assert!(!second.is_alive());
    }
}
