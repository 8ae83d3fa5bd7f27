//! The server put together: storage, chat, sessions, services, edge; started in this order and stopped in the other.

mod banner;
mod cluster;
pub mod command;
mod engines;
mod error;
mod logs;
mod migrate;
mod mover;
mod portable;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use error::StartError;

use crate::chat::{Chat, Demo, Parts, Policy};
use crate::clock::Clock;
use crate::config::Settings;
use crate::edge::{Edge, Listener, SideEdge};
use crate::fanout::Hub;
use crate::nodes::Nodes;
use crate::rpc;
use crate::session::{SessionConfig, Sessions};
use cluster::{Cluster, Place};
use engines::Engines;
use watch::{Watch, Watched};

/// How often channels that have moved on are told to those who do not watch them.
const ACTIVITY_EVERY: Duration = Duration::from_secs(1);
/// How many of those rounds lie between two looks for what can be forgotten.
const EVICT_ROUNDS: u32 = 60;

/// A running server. To drop it is to pull the plug; `shutdown` is the way to end it.
pub struct Server {
    settings: Settings,
    edge: Edge,
    sessions: Sessions,
    chat: Arc<Chat>,
    engines: Engines,
    /// `None`: a process alone.
    cluster: Option<Cluster>,
    chores: Chores,
    watch: Option<Watch>,
    /// `None`: nobody asked for it.
    operators: Option<SideEdge>,
    setup_code: Option<String>,
    demo: Option<Demo>,
}

impl Server {
    /// Starts a server. When it returns, calls are answered.
    ///
    /// # Errors
    /// With the cause and, where there is one, the way out.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let contradictions = settings.contradictions();
        if !contradictions.is_empty() {
            return Err(StartError::Settings(contradictions));
        }
        // First the port, because it says soonest that a server runs already.
        let listener = Listener::bind(&settings)?;
        let for_operators = settings.metrics_listen.map(Listener::bind_beside).transpose()?;
        let engines = Engines::open(&settings).await?;
        let place = match engines.postgres() {
            Some(postgres) => Place::take(&settings, postgres)?,
            None => None,
        };
        let nodes = place.as_ref().map(|place| place.nodes.clone());
        let hub = Arc::new(Hub::default());
        let chat = Chat::new(Parts {
            store: engines.store.clone(),
            hub: hub.clone(),
            clock: Clock::system(),
            policy: Policy { registration: settings.registration, rate_limits: settings.rate_limits },
        });
        let setup_code = chat.ensure_setup_code().await?;
        let demo = match settings.dev {
            true => Some(chat.seed_demo().await?),
            false => None,
        };
        let node = nodes.as_ref().map(Nodes::id);
        let sessions = Sessions::new(session_config(&settings, node), chat.clone(), hub.clone());
        let cluster = match engines.postgres() {
            Some(postgres) => {
                let parts = (chat.clone(), hub.clone(), sessions.clone());
                Some(Cluster::join(&settings, postgres, place, parts).await?)
            }
            None => None,
        };
        let routes = rpc::routes(chat.clone(), sessions.clone(), nodes.clone());
        let edge = Edge::start(&settings, listener, routes, chat.clone()).await?;
        if settings.tls_cert.is_none() && !edge.local_addr().ip().to_canonical().is_loopback() {
            tracing::warn!("no TLS: passwords, tokens and messages cross the network readable unless a proxy adds it");
        }
        let operators = for_operators.map(|listener| edge.for_operators(listener));
        let watch = Watch::start(Watched {
            stores: engines.watched(),
            sessions: sessions.clone(),
            relay: cluster.as_ref().map(|cluster| Box::new(cluster.relay()) as _),
            nodes,
            outlook: edge.outlook(),
        });
        tracing::info!(addr = %edge.local_addr(), version = env!("CARGO_PKG_VERSION"), "ready");
        Ok(Self {
            chores: Chores::start(hub, chat.clone()),
            settings,
            edge,
            sessions,
            chat,
            engines,
            cluster,
            watch: Some(watch),
            operators,
            setup_code,
            demo,
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.edge.local_addr()
    }

    /// Its address as clients write it.
    pub fn url(&self) -> String {
        self.settings.url(self.local_addr())
    }

    /// How it runs.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The one-time code that makes the first administrator; `None`: there is one.
    pub fn setup_code(&self) -> Option<&str> {
        self.setup_code.as_deref()
    }

    /// What was made for `dev`.
    pub fn demo(&self) -> Option<&Demo> {
        self.demo.as_ref()
    }

    /// How many gateway sessions live.
    pub fn sessions(&self) -> usize {
        self.sessions.count()
    }

    /// Ends in order: no new calls, every session told to come back, calls in flight answered, everything on disk. What
    /// takes longer than `drain_seconds` is cut off. Returns whether nothing was.
    pub async fn shutdown(mut self) -> bool {
        let within = Duration::from_secs(self.settings.drain_seconds);
        tracing::info!(sessions = self.sessions.count(), "draining");
        let drained = timeout(within, async {
            if let Some(cluster) = &mut self.cluster {
                cluster.leave().await;
            }
            // It would say that this node is ready.
            if let Some(watch) = self.watch.take() {
                watch.stop().await;
            }
            self.edge.refuse().await;
            self.sessions.drain().await;
            self.edge.finish().await;
            // What other nodes handed over, too.
            self.chat.sequencer().finish().await;
        });
        let in_time = drained.await.is_ok();
        if !in_time {
            tracing::warn!("cutting off what is left");
        }
        self.close().await;
        tracing::info!("stopped");
        in_time
    }

    /// Cuts every connection without a word and lets go of the data directory, for tests of what clients do then.
    pub async fn kill(self) {
        self.close().await;
    }

    async fn close(self) {
        if let Some(watch) = self.watch {
            watch.stop().await;
        }
        self.edge.abort().await;
        if let Some(operators) = self.operators {
            operators.abort().await;
        }
        self.chores.stop().await;
        if let Some(cluster) = self.cluster {
            cluster.close().await;
        }
        drop((self.sessions, self.chat));
        // Last, so that whatever was acknowledged on the way is written.
        self.engines.close().await;
    }
}

fn session_config(settings: &Settings, node: Option<u64>) -> SessionConfig {
    SessionConfig {
        heartbeat: Duration::from_secs(settings.heartbeat_seconds),
        identify_timeout: Duration::from_secs(settings.identify_timeout_seconds),
        sessions_per_user_max: settings.max_sessions_per_user,
        node,
    }
}

/// What has to be done now and then, and in the background.
struct Chores {
    task: JoinHandle<()>,
    erasures: JoinHandle<()>,
    /// Ends the task when the server is dropped.
    stop: DropGuard,
}

impl Chores {
    fn start(hub: Arc<Hub>, chat: Arc<Chat>) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let (erasing, stop_erasing) = (chat.clone(), stop.clone());
        let erasures = tokio::spawn(async move {
            stop_erasing.run_until_cancelled(erasing.erase_messages()).await;
        });
        let task = tokio::spawn(async move {
            let mut ticks = interval(ACTIVITY_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for round in (1..EVICT_ROUNDS + 1).cycle() {
                tokio::select! {
                    _ = ticks.tick() => hub.tell_activity(),
                    () = stopped.cancelled() => return,
                }
                if round == EVICT_ROUNDS {
                    chat.sequencer().evict_idle();
                    chat.limits().forget_full();
                }
            }
        });
        Self { task, erasures, stop: stop.drop_guard() }
    }

    async fn stop(self) {
        drop(self.stop);
        // It fails only if a chore panicked, which the panic hook has told.
        let _ = self.task.await;
        let _ = self.erasures.await;
    }
}
