//! The watch over this node, once a second: what it stands on and whether that answers, for operators; and whether this
//! node alone is cut off from the database, for its sessions.
//!
//! A database that all nodes miss is no reason to send anybody away: there is nowhere to go. So a node that has heard nothing
//! from it for ten seconds asks the others, and only if one of them reaches it are its sessions told to go on there.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::breaker::Breaker;
use crate::edge::{Condition, Outlook};
use crate::fanout::relay::Health;
use crate::metrics::{Connection, Dependency, METRICS, PeerState};
use crate::nodes::Nodes;
use crate::session::Sessions;
use crate::store::postgres::Pulse;
use crate::store::sqlite::Room;

const EVERY: Duration = Duration::from_secs(1);
/// Without an answer of the database for this long, a node asks whether others hear it.
const CUT_OFF_AFTER: Duration = Duration::from_secs(10);
/// So many looks in a row must find that others hear it. When a database comes back that all missed, some hear it sooner.
const LOOKS: u32 = 6;

/// What stores, as it is watched.
pub(super) enum Stores {
    /// SQLite, and whether there is room for it.
    Sqlite(Room),
    /// Postgres, and the breaker of what holds the logs of channels, if that is another.
    Postgres(Pulse, Option<Arc<Breaker>>),
}

/// What is watched.
pub(super) struct Watched {
    pub(super) stores: Stores,
    pub(super) sessions: Sessions,
    /// How the bus does; `None`: there is none.
    pub(super) relay: Option<Box<dyn Fn() -> Option<Health> + Send + Sync>>,
    pub(super) nodes: Option<Nodes>,
    pub(super) outlook: Outlook,
}

/// The running watch.
pub(super) struct Watch {
    task: JoinHandle<()>,
    /// Ends the task.
    stop: DropGuard,
}

impl Watch {
    pub(super) fn start(watched: Watched) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let watch = async { tokio::join!(run(&watched), ask(&watched.stores)) };
            _ = stopped.run_until_cancelled(watch).await;
        });
        Self { task, stop: stop.drop_guard() }
    }

    /// When it returns, nothing is told any more.
    pub(super) async fn stop(self) {
        drop(self.stop);
        // It fails only if the watch panicked, which the panic hook has told.
        let _ = self.task.await;
    }
}

/// Asks a database that is silent once a second, so that it is heard as soon as it is back.
async fn ask(stores: &Stores) {
    let Stores::Postgres(pulse, _) = stores else { return };
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if pulse.breaker().silent_for().is_some() {
            pulse.ask().await;
        }
    }
}

async fn run(watched: &Watched) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut away, mut alone) = (false, 0);
    loop {
        let due = ticks.tick().await;
        METRICS.event_loop_lag.set(Instant::now().saturating_duration_since(due).as_secs_f64());
        let dependencies = watched.dependencies();
        for (dependency, up) in &dependencies {
            METRICS.dependency_up.get(*dependency).set((*up).into());
        }
        watched.count();
        let unfit = watched.unfit(&mut alone).await;
        watched.settle(&mut away, unfit == Some(CUT_OFF));
        let dependencies = dependencies.into_iter().map(|(dependency, up)| (dependency.name(), up)).collect();
        watched.outlook.tell(Condition { unfit, dependencies }).await;
    }
}

const CUT_OFF: &str = "cut off from the database, which other nodes reach";
const FULL: &str = "the disk is full";

impl Watched {
    fn dependencies(&self) -> Vec<(Dependency, bool)> {
        let (database, log) = match &self.stores {
            Stores::Sqlite(room) => (!room.is_full(), !room.is_full()),
            Stores::Postgres(pulse, log) => {
                let database = pulse.breaker().silent_for().is_none();
                (database, log.as_ref().map_or(database, |log| log.silent_for().is_none()))
            }
        };
        let relay = self.relay.as_ref().and_then(|health| health()).map(|health| (Dependency::Relay, health.up));
        [(Dependency::Database, database), (Dependency::Log, log)].into_iter().chain(relay).collect()
    }

    fn count(&self) {
        METRICS.sessions_behind.set(number(self.sessions.count_behind()));
        if let Stores::Postgres(pulse, _) = &self.stores {
            let (open, idle) = pulse.connections();
            METRICS.store_connections.get(Connection::Idle).set(number(idle));
            METRICS.store_connections.get(Connection::Used).set(i64::from(open).saturating_sub(number(idle)));
        }
        if let Some(nodes) = &self.nodes {
            let (well, avoided) = nodes.others();
            METRICS.peers.get(PeerState::Well).set(number(well));
            METRICS.peers.get(PeerState::Avoided).set(number(avoided));
        }
    }

    /// Why this node should get no calls though others should. `alone`: in how many looks in a row others heard a database
    /// that this node did not hear.
    async fn unfit(&self, alone: &mut u32) -> Option<&'static str> {
        match &self.stores {
            Stores::Sqlite(room) => room.is_full().then_some(FULL),
            Stores::Postgres(pulse, _) => {
                let silent = pulse.breaker().silent_for();
                *alone = match self.nodes.as_ref().filter(|_| silent.is_some()) {
                    Some(nodes) if nodes.others_reach_database().await => *alone + 1,
                    _ => 0,
                };
                let long = silent.is_some_and(|silent| silent >= CUT_OFF_AFTER);
                (long && *alone >= LOOKS).then_some(CUT_OFF)
            }
        }
    }

    /// Sends the sessions away, or lets them be here.
    fn settle(&self, away: &mut bool, cut_off: bool) {
        if std::mem::replace(away, cut_off) == cut_off {
            return;
        }
        if cut_off {
            tracing::error!(sessions = self.sessions.count(), "{CUT_OFF}; sessions are sent there");
            self.sessions.send_away();
        } else {
            tracing::info!("sessions are welcome again");
            self.sessions.welcome();
        }
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
