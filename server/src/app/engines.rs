//! The engines that the settings name: opened with patience, closed in order.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::StartError;
use super::watch::Stores;
use crate::config::{Consistency, MessagesUrl, Settings, StoreUrl};
use crate::store::cassandra::{self, Cassandra, Level};
use crate::store::postgres::{self, Postgres};
use crate::store::sqlite::{self, Sqlite};
use crate::store::{self, Store};

/// Reads of SQLite that run at once; they are short, and the disk has one head.
const READ_CONNECTIONS: u32 = 4;
/// How long a service that does not answer is asked again at start: it may be starting too.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What stores.
pub(super) struct Engines {
    pub(super) store: Store,
    open: Open,
}

enum Open {
    Sqlite(Sqlite),
    Postgres(Postgres, Option<Cassandra>),
}

impl Engines {
    /// Opens what the settings name. What does not answer is asked again for half a minute.
    ///
    /// # Errors
    /// With the setting that names it.
    pub(super) async fn open(settings: &Settings) -> Result<Self, StartError> {
        Self::open_as(settings, false).await
    }

    /// The same, also what is being filled from another store.
    ///
    /// # Errors
    /// As `open`.
    pub(super) async fn open_to_fill(settings: &Settings) -> Result<Self, StartError> {
        Self::open_as(settings, true).await
    }

    async fn open_as(settings: &Settings, half_moved: bool) -> Result<Self, StartError> {
        match &settings.store {
            StoreUrl::Sqlite => {
                let options = sqlite::Options { path: settings.data_dir.clone(), read_connections: READ_CONNECTIONS };
                let (store, sqlite) = match half_moved {
                    true => sqlite::open_to_fill(options).await?,
                    false => sqlite::open(options).await?,
                };
                Ok(Self { store, open: Open::Sqlite(sqlite) })
            }
            StoreUrl::Postgres(address) => {
                let options =
                    postgres::Options { url: address.reveal().to_owned(), max_connections: settings.store_connections };
                let open = async || {
                    let opened = match half_moved {
                        true => postgres::open_to_fill(options.clone()).await,
                        false => postgres::open(options.clone()).await,
                    };
                    opened.map_err(StartError::Postgres)
                };
                let (store, postgres) = patiently(open).await?;
                let Some(messages) = &settings.messages else {
                    return Ok(Self { store, open: Open::Postgres(postgres, None) });
                };
                let options = messages_options(settings, messages);
                let open =
                    async || cassandra::open(options.clone(), store.clone()).await.map_err(StartError::Cassandra);
                let (store, cassandra) = patiently(open).await?;
                Ok(Self { store, open: Open::Postgres(postgres, Some(cassandra)) })
            }
        }
    }

    /// The database that nodes share, if there is one.
    pub(super) fn postgres(&self) -> Option<&Postgres> {
        match &self.open {
            Open::Sqlite(_) => None,
            Open::Postgres(postgres, _) => Some(postgres),
        }
    }

    /// What is watched of them.
    pub(super) fn watched(&self) -> Stores {
        match &self.open {
            Open::Sqlite(sqlite) => Stores::Sqlite(sqlite.room()),
            Open::Postgres(postgres, log) => {
                Stores::Postgres(postgres.pulse(), log.as_ref().map(|log| log.breaker().clone()))
            }
        }
    }

    /// Writes what waits and lets go.
    pub(super) async fn close(self) {
        match self.open {
            Open::Sqlite(sqlite) => closed(sqlite.close().await),
            Open::Postgres(postgres, cassandra) => {
                if let Some(cassandra) = cassandra {
                    closed(cassandra.close().await);
                }
                closed(postgres.close().await);
            }
        }
    }
}

fn closed(outcome: store::Result<()>) {
    if let Err(error) = outcome {
        tracing::error!(error = &error as &dyn std::error::Error, "the storage did not close");
    }
}

/// How the logs of channels are reached.
pub(super) fn messages_options(settings: &Settings, messages: &MessagesUrl) -> cassandra::Options {
    cassandra::Options {
        nodes: messages.nodes.clone(),
        keyspace: messages.keyspace.clone(),
        login: messages.login.as_ref().map(|(user, password)| (user.clone(), password.reveal().into())),
        consistency: match settings.messages_consistency {
            Consistency::Quorum => Level::Quorum,
            Consistency::LocalQuorum => Level::LocalQuorum,
        },
        datacenter: settings.messages_datacenter.clone(),
        accept_weak_durability: settings.accept_weak_durability,
    }
}

/// Tries until it works, fails for another reason than silence, or patience ends.
pub(super) async fn patiently<T>(mut open: impl AsyncFnMut() -> Result<T, StartError>) -> Result<T, StartError> {
    let end = Instant::now() + PATIENCE;
    let mut pause = PAUSE_MIN;
    loop {
        match open().await {
            Err(error) if error.is_unreachable() && Instant::now() + pause < end => {
                tracing::warn!("{}; trying again", error.explain());
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            outcome => return outcome,
        }
    }
}
