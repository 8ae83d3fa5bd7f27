//! `cargo xtask services`: real Postgres, Redis and Cassandra for tests, as plain processes on loopback. No containers.

mod cassandra;
mod child;
mod faults;
mod fleet;
mod place;
mod ports;
mod postgres;
mod redis;
mod service;

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

pub(crate) use child::{Plan, Running};
use faults::Fault;
pub(crate) use fleet::Fleet;
pub(crate) use place::Keep;
pub(crate) use postgres::create_database;
pub(crate) use service::Service;

use crate::interrupt;
use crate::workspace::target;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What is to be done with them.
#[derive(Args, Debug)]
pub(crate) struct Services {
    /// Those that are for faults and for nothing else, beside the usual ones
    #[arg(long, global = true)]
    private: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Install what is missing and start what does not run; prints the variables by which tests find them
    Up {
        /// postgres, redis, cassandra, cassandra=3; without any: the first three
        services: Vec<Service>,
        /// Nothing acknowledged is lost by a power cut either (slower)
        #[arg(long)]
        durable: bool,
    },
    /// End what `up` started; what they hold is gone
    Down {
        /// Which; without any: all
        services: Vec<Service>,
    },
    /// Tell what runs, and what has crashed (exit code 1)
    Status,
    /// Kill, pause or start again one process of them
    Fault {
        /// What is done
        fault: Fault,
        /// To which: its name as `status` tells it
        process: String,
    },
}

impl Services {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        match &self.action {
            Action::Up { services, durable } => {
                interrupt::listen()?;
                let fleet = if self.private { for_faults() } else { for_tests(*durable) };
                fleet.up(or(services, if self.private { &Service::FOR_FAULTS } else { &Service::USUAL }))?;
                print_variables(&fleet)?;
            }
            Action::Down { services } => self.fleet().down(or(services, &Service::ALL))?,
            Action::Status => return status(&self.fleet()),
            Action::Fault { fault, process } => self.fleet().inflict(*fault, process)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn fleet(&self) -> Fleet {
        if self.private { for_faults() } else { for_tests(false) }
    }
}

/// The services that tests kill: nobody else uses them, and what they acknowledge is on disk.
pub(crate) fn for_faults() -> Fleet {
    Fleet::at(target().join("services/private"), Keep::Scratch { durable: true })
}

/// The services that tests use.
pub(crate) fn for_tests(durable: bool) -> Fleet {
    Fleet::at(target().join("services"), Keep::Scratch { durable })
}

fn or<'a>(chosen: &'a [Service], usual: &'a [Service]) -> &'a [Service] {
    if chosen.is_empty() { usual } else { chosen }
}

fn print_variables(fleet: &Fleet) -> Result<()> {
    for (name, value) in fleet.variables()? {
        println!("export {name}={value}");
    }
    Ok(())
}

fn status(fleet: &Fleet) -> Result<ExitCode> {
    let running = fleet.running()?;
    if running.is_empty() {
        eprintln!("nothing runs");
    }
    for process in &running {
        let state = if process.is_alive() { "runs" } else { "CRASHED" };
        let (name, address, pid) = (&process.name, &process.address, process.pid());
        eprintln!("{name:<14} {state:<8} {address:<22} process {pid:<8} {}", process.log().display());
    }
    print_variables(fleet)?;
    let all_alive = running.iter().all(child::Running::is_alive);
    Ok(if all_alive { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
