//! A bad network in a box: a proxy for TCP between two programs under test, which delays, holds back, cuts and resets as it
//! is told. It knows no protocol, so it stands before a node as well as before Postgres, Redis or Cassandra.

mod link;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::eventually::eventually;
use crate::ports::free_port;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From whoever connected to the server behind.
    Up,
    /// From the server to whoever connected.
    Down,
}

/// What happens to one direction of every connection.
#[derive(Clone, Copy, Debug, Default)]
struct Weather {
    delay: Duration,
    /// Up to so much more, by chance. What was sent first still arrives first.
    jitter: Duration,
    /// Nothing passes; what was sent waits, as the sender's system would send it again later.
    held: bool,
    /// After so many bytes the connection is reset.
    bytes_left: Option<u64>,
}

/// How connections end that are told to.
#[derive(Clone, Copy, Debug, Default)]
enum End {
    #[default]
    Reset,
    /// Both are told that the other one has ended; the connections stay open this long, and nobody reads what comes.
    Slowly(Duration),
}

/// What all connections look at.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    up: Weather,
    down: Weather,
    /// Connections made before the last change of it end.
    generation: u64,
    end: End,
}

impl State {
    fn way(&mut self, way: Way) -> &mut Weather {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }
}

/// How often those who knock again are cut off before the door is closed.
const RESETS_MAX: usize = 20;
const RESET_PAUSE: Duration = Duration::from_millis(10);

/// The proxy. Dropped, it resets what goes through it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    upstreams: Arc<[String]>,
    state: watch::Sender<State>,
    open: Arc<AtomicUsize>,
    // `None`: connections are refused.
    doorman: Option<JoinHandle<()>>,
}

impl Proxy {
    /// In front of a server, `host:port`, at a port of its own.
    ///
    /// # Panics
    /// If it cannot listen.
    pub async fn start(upstream: impl Into<String>) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, free_port()).into(), upstream).await
    }

    /// In front of a server, at a given address.
    ///
    /// # Panics
    /// If it cannot listen there.
    pub async fn start_at(address: SocketAddr, upstream: impl Into<String>) -> Self {
        Self::before(address, Arc::new([upstream.into()])).await
    }

    /// In front of several servers, as a load balancer: each connection goes to the next one in turn that takes it, the
    /// first connection to the first.
    ///
    /// # Panics
    /// If it cannot listen.
    pub async fn balance(upstreams: impl IntoIterator<Item = String>) -> Self {
        Self::before((Ipv4Addr::LOCALHOST, free_port()).into(), upstreams.into_iter().collect()).await
    }

    async fn before(address: SocketAddr, upstreams: Arc<[String]>) -> Self {
        let (state, _) = watch::channel(State::default());
        let mut proxy = Self { address, upstreams, state, open: Arc::default(), doorman: None };
        proxy.accept().await;
        proxy
    }

    /// Where it listens, `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// What goes this way takes so long, and up to `jitter` more.
    pub fn delay(&self, way: Way, delay: Duration, jitter: Duration) {
        self.state.send_modify(|state| {
            state.way(way).delay = delay;
            state.way(way).jitter = jitter;
        });
    }

    /// Nothing goes this way any more, and nobody is told.
    pub fn hold(&self, way: Way) {
        self.state.send_modify(|state| state.way(way).held = true);
    }

    /// Nothing goes either way, as if the machine behind hung.
    pub fn pause(&self) {
        self.hold(Way::Up);
        self.hold(Way::Down);
    }

    /// Good weather: what was held back goes on, nothing is delayed or cut any more. Connections that ended stay ended.
    pub fn heal(&self) {
        self.state.send_modify(|state| (state.up, state.down) = Default::default());
    }

    /// Once so many more bytes have gone this way, counted over all connections of now and later, the connection over
    /// which they went is reset. The next one is not.
    pub fn cut_after(&self, way: Way, bytes: u64) {
        self.state.send_modify(|state| state.way(way).bytes_left = Some(bytes));
    }

    /// Resets all connections.
    pub fn reset(&self) {
        self.end(End::Reset);
    }

    /// Ends all connections politely, but keeps them half open for so long.
    pub fn close_slowly(&self, open: Duration) {
        self.end(End::Slowly(open));
    }

    /// Resets all connections and refuses new ones, as if the server were gone.
    pub async fn refuse(&mut self) {
        let Some(doorman) = self.doorman.take() else { return };
        // Clients that are cut off may knock again at once; the last of them end with the door.
        for _ in 0..RESETS_MAX {
            self.reset();
            tokio::time::sleep(RESET_PAUSE).await;
            if self.connections() == 0 {
                break;
            }
        }
        doorman.abort();
        let _ = doorman.await;
        eventually("all connections are gone", async || (self.connections() == 0).then_some(())).await;
    }

    /// From now on it stands before another server: connections end, and new ones lead there.
    pub async fn lead_to(&mut self, upstream: impl Into<String>) {
        self.refuse().await;
        self.upstreams = [upstream.into()].into();
        self.accept().await;
    }

    /// Takes connections again, at the same address.
    ///
    /// # Panics
    /// If it cannot listen.
    pub async fn accept(&mut self) {
        if self.doorman.is_some() {
            return;
        }
        let listener = TcpListener::bind(self.address).await.expect("a proxy can listen");
        let (upstreams, state, open) = (self.upstreams.clone(), self.state.clone(), self.open.clone());
        self.doorman = Some(tokio::spawn(async move {
            let mut links = JoinSet::new();
            for turn in 0.. {
                let Ok((near, _)) = listener.accept().await else { return };
                let (upstreams, state, open) = (upstreams.clone(), state.clone(), open.clone());
                links.spawn(async move {
                    open.fetch_add(1, Ordering::Relaxed);
                    let _closed = Closed(open);
                    serve(near, &upstreams, turn, &state).await;
                });
                while links.try_join_next().is_some() {}
            }
        }));
    }

    fn end(&self, end: End) {
        self.state.send_modify(|state| {
            state.generation += 1;
            state.end = end;
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(doorman) = self.doorman.take() {
            doorman.abort();
        }
    }
}

/// Counts a connection as closed, however its task ends.
struct Closed(Arc<AtomicUsize>);

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve(near: TcpStream, upstreams: &[String], turn: usize, state: &watch::Sender<State>) {
    // Whoever connects while nothing passes has a connection, and no answer.
    let mut weather = state.subscribe();
    if weather.wait_for(|state| !state.up.held).await.is_err() {
        return;
    }
    for step in 0..upstreams.len() {
        if let Ok(far) = TcpStream::connect(&upstreams[(turn + step) % upstreams.len()]).await {
            return link::run(near, far, state).await;
        }
    }
    link::reset(&near);
}
