//! The services by name: what each needs, when it is ready, how it is ended.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;

use super::child::{Plan, Stop};
use super::place::Keep;
use super::{cassandra, postgres, redis};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Postgres,
    Redis,
    /// One node.
    Cassandra,
    /// Three nodes.
    Cassandra3,
}

impl Service {
    pub(crate) const ALL: [Self; 4] = [Self::Postgres, Self::Redis, Self::Cassandra, Self::Cassandra3];
    /// What a functional suite needs.
    pub(crate) const USUAL: [Self; 3] = [Self::Postgres, Self::Redis, Self::Cassandra];
    /// What stands when some of it falls.
    pub(crate) const FOR_FAULTS: [Self; 3] = [Self::Postgres, Self::Redis, Self::Cassandra3];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => postgres::NAME,
            Self::Redis => redis::NAME,
            Self::Cassandra => "cassandra",
            Self::Cassandra3 => "cassandra3",
        }
    }

    /// By which tests find it.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "TEST_PG_URL",
            Self::Redis => "TEST_REDIS_URL",
            Self::Cassandra => "TEST_CQL",
            Self::Cassandra3 => "TEST_CQL3",
        }
    }

    /// What the variable holds: an address as drivers read it, or the addresses of all nodes.
    pub(super) fn url(self, addresses: &[&str]) -> String {
        let all = addresses.join(",");
        match self {
            Self::Postgres => postgres::url(&all, "postgres"),
            Self::Redis => format!("redis://{all}"),
            Self::Cassandra | Self::Cassandra3 => all,
        }
    }

    pub(super) fn install(self) -> Result<()> {
        match self {
            Self::Postgres => postgres::install(),
            Self::Redis => redis::install(),
            Self::Cassandra | Self::Cassandra3 => cassandra::install(),
        }
    }

    pub(super) fn plans(self, keep: &Keep) -> Result<Vec<Plan>> {
        match self {
            Self::Postgres => postgres::plan(keep).map(|plan| vec![plan]),
            Self::Redis => redis::plan(keep).map(|plan| vec![plan]),
            Self::Cassandra => cassandra::plans(self.name(), 1, keep),
            Self::Cassandra3 => cassandra::plans(self.name(), 3, keep),
        }
    }

    /// Fails with what is missing.
    pub(super) fn ready(self, addresses: &[&str]) -> Result<()> {
        match self {
            Self::Postgres => addresses.iter().try_for_each(|address| postgres::ready(address)),
            Self::Redis => addresses.iter().try_for_each(|address| redis::ready(address)),
            Self::Cassandra | Self::Cassandra3 => cassandra::ready(addresses),
        }
    }

    /// Fails unless a process of it answers, whatever its fellows do.
    pub(super) fn answers(self, address: &str) -> Result<()> {
        match self {
            Self::Postgres | Self::Redis => self.ready(&[address]),
            Self::Cassandra | Self::Cassandra3 => cassandra::answers(address),
        }
    }

    /// How long it may take to be ready on a busy machine.
    pub(super) fn patience(self) -> Duration {
        match self {
            Self::Postgres | Self::Redis => Duration::from_secs(60),
            Self::Cassandra | Self::Cassandra3 => Duration::from_secs(240),
        }
    }

    pub(super) fn stop(self) -> Stop {
        match self {
            Self::Postgres => Stop::Interrupt,
            Self::Redis => Stop::Terminate,
            // Asked to end, it drains for seconds; what it has acknowledged is on disk anyway.
            Self::Cassandra | Self::Cassandra3 => Stop::Kill,
        }
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "postgres" => Ok(Self::Postgres),
            "redis" => Ok(Self::Redis),
            "cassandra" | "cassandra=1" => Ok(Self::Cassandra),
            "cassandra=3" | "cassandra3" => Ok(Self::Cassandra3),
            _ => Err("choose among postgres, redis, cassandra (one node) and cassandra=3".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_has_a_name_that_is_understood() {
        for service in Service::ALL {
            assert_eq!(service.name().parse(), Ok(service));
        }
        assert_eq!("cassandra=1".parse(), Ok(Service::Cassandra));
        assert_eq!("cassandra=3".parse(), Ok(Service::Cassandra3));
        assert!("cassandra=2".parse::<Service>().is_err());
    }
}
