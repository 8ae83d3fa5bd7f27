//! `migrate-store`: moves everything that a server has stored into another store, while no server runs on either.

mod meter;
mod plan;
mod report;

use std::sync::Arc;

use super::StartError;
use super::engines::{Engines, messages_options, patiently};
use crate::config::{Settings, StoreUrl};
use crate::store::archive::{self, Gauge, MoveError, Side, Summary, Tables};
use crate::store::{cassandra, postgres, sqlite};

pub(super) use plan::{NAME, Plan, plan, tree};
pub(super) use report::report;

/// What is said of a move after which the two ends differ.
pub(super) const DIFFERENT: &str = "the target does not hold what the source holds; it is not served\nkeep the source, make the target anew, and move again";

/// Why nothing, or not everything, was moved.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The source cannot be opened.
    #[error("source: {0}")]
    Source(#[source] StartError),
    /// The target cannot be opened.
    #[error("target: {0}")]
    Target(#[source] StartError),
    /// The move did not come to its end.
    #[error(transparent)]
    Move(#[from] MoveError),
}

/// An open end.
struct Opened {
    engines: Engines,
    side: Side,
}

/// Does it.
///
/// # Errors
/// An end cannot be opened or is in use; the target holds something else; a store fails on the way.
pub(super) async fn run(plan: &Plan) -> Result<Summary, Error> {
    let mut from = source(&plan.source).await.map_err(Error::Source)?;
    let outcome = match target(&plan.target, plan).await.map_err(Error::Target) {
        Ok(mut to) => {
            let gauge = Arc::new(Gauge::default());
            let meter = meter::Meter::start(gauge.clone());
            let moved = archive::transfer(&mut from.side, &mut to.side, &gauge).await;
            meter.stop().await;
            to.engines.close().await;
            moved.map_err(Error::Move)
        }
        Err(error) => Err(error),
    };
    from.engines.close().await;
    outcome
}

/// Opens what is to be read. Nothing is made that is not there.
async fn source(settings: &Settings) -> Result<Opened, StartError> {
    if settings.store == StoreUrl::Sqlite {
        sqlite::archive::look_for(&settings.data_dir)?;
    }
    let occupied = occupy(settings).await?;
    let engines = Engines::open(settings).await?;
    finish(settings, engines, occupied, false).await
}

/// Opens what is to be written, and makes its tables.
async fn target(settings: &Settings, plan: &Plan) -> Result<Opened, StartError> {
    let occupied = occupy(settings).await?;
    let mut is_empty = true;
    if let Some(messages) = &settings.messages {
        let options = messages_options(settings, messages);
        let open = async || {
            cassandra::migrate(&options, &plan.layout).await?;
            cassandra::is_empty(&options).await
        };
        is_empty = patiently(async || open().await.map_err(StartError::Cassandra)).await?;
    }
    let engines = Engines::open_to_fill(settings).await?;
    finish(settings, engines, occupied, is_empty).await
}

/// Makes sure that nobody else is on a database. SQLite's directory is locked by opening it.
async fn occupy(settings: &Settings) -> Result<Option<postgres::archive::Archive>, StartError> {
    match &settings.store {
        StoreUrl::Sqlite => Ok(None),
        StoreUrl::Postgres(address) => {
            let url = address.reveal();
            let occupy = async || postgres::archive::Archive::occupy(url).await.map_err(StartError::Postgres);
            patiently(occupy).await.map(Some)
        }
    }
}

async fn finish(
    settings: &Settings,
    engines: Engines,
    occupied: Option<postgres::archive::Archive>,
    keyspace_is_empty: bool,
) -> Result<Opened, StartError> {
    let tables: Box<dyn Tables> = match occupied {
        Some(archive) => Box::new(archive),
        None => Box::new(sqlite::archive::Archive::open(&settings.data_dir).await?),
    };
    let keyspace = settings.messages.as_ref().map(|messages| messages.keyspace.clone()).unwrap_or_default();
    let side = Side { tables, store: engines.store.clone(), keyspace, keyspace_is_empty };
    Ok(Opened { engines, side })
}

impl Error {
    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Source(error) | Self::Target(error) => super::command::code(error),
            Self::Move(_) => 1,
        }
    }

    /// What went wrong, and what to do about it on the next line.
    pub(super) fn explain(&self) -> String {
        match self {
            Self::Source(error) => format!("source: {}", error.explain()),
            Self::Target(error) => format!("target: {}", error.explain()),
            Self::Move(error) => {
                let remedy = match error {
                    MoveError::Foreign(_) | MoveError::OtherMove => {
                        "give it a target that is new, or make this one anew"
                    }
                    MoveError::SourceChanged => "stop all servers on the source, make the target anew, and move again",
                    MoveError::Schema(_) => "move with one version of this program",
                    MoveError::Disturbed(_) => "stop whoever works on the target; then run the same command again",
                    MoveError::Store(..) => "run the same command again: it goes on from where it was",
                };
                format!("{error}\n{remedy}")
            }
        }
    }
}
