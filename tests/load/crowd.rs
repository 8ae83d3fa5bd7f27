//! Senders: each with a connection of its own, each with so many sends under way, and a new one for each that is
//! acknowledged. Against the baseline the same bytes go out and come back.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::audience::SESSION;
use crate::baseline;
use crate::child::cpu_of;
use crate::connection::{Connection, Listener};
use crate::frames::{self, Kind};
use crate::world::World;

/// How long anything may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(30);
const WARM_UP: Duration = Duration::from_secs(1);

/// What was measured.
pub(crate) struct Acks {
    /// Acknowledged sends a second.
    pub(crate) rate: f64,
    /// How long an acknowledgement took, in microseconds.
    pub(crate) latencies: Histogram<u64>,
    /// CPU time of the process for one send, in microseconds.
    pub(crate) cpu_us: f64,
}

/// Senders of one process.
pub(crate) struct Crowd {
    shared: Rc<Shared>,
    senders: Vec<(Rc<Connection>, Rc<Sender>)>,
    _running: JoinSet<()>,
}

struct Shared {
    running: Cell<bool>,
    attached: Cell<usize>,
    acks: Cell<u64>,
    latencies: RefCell<Histogram<u64>>,
    /// An acknowledgement as it came.
    reply: RefCell<Vec<u8>>,
    failure: RefCell<Option<anyhow::Error>>,
}

struct Sender {
    shared: Rc<Shared>,
    channel: u64,
    /// The frame after which it may send.
    ready: Cell<Option<Kind>>,
    last_id: Cell<u64>,
    under_way: RefCell<VecDeque<Instant>>,
}

impl Crowd {
    /// Senders of the yard, on the server; on its nodes in turn, if it has several.
    pub(crate) async fn sessions(addrs: &[SocketAddr], world: &World) -> Result<Self> {
        let path = |number: usize| (SESSION, world.senders.get(number).map(String::as_str));
        Self::open(addrs, world, path, Kind::Ready).await
    }

    /// The same, on the baseline.
    pub(crate) async fn bare(addr: SocketAddr, world: &World) -> Result<Self> {
        Self::open(&[addr], world, |_| (baseline::ECHO, None), Kind::Result).await
    }

    async fn open<'a>(
        addrs: &[SocketAddr],
        world: &World,
        path: impl Fn(usize) -> (&'static str, Option<&'a str>),
        ready: Kind,
    ) -> Result<Self> {
        let shared = Rc::new(Shared::new()?);
        let (mut senders, mut running) = (Vec::new(), JoinSet::new());
        for number in 0..world.senders.len() {
            let (connection, incoming) = Connection::open(addrs[number % addrs.len()], None).await?;
            let channel = world.yard[number % world.yard.len()];
            let sender = Rc::new(Sender::new(Rc::clone(&shared), channel, ready));
            let (path, token) = path(number);
            connection.call(path, token, &frames::identify(), false);
            let (failing, heard, listener) = (Rc::clone(&shared), Rc::clone(&connection), Rc::clone(&sender));
            running.spawn_local(async move {
                if let Err(error) = incoming.run(heard, listener).await {
                    failing.fail(error.context("a sender's connection"));
                }
            });
            senders.push((connection, sender));
        }
        let crowd = Self { shared, senders, _running: running };
        crowd.wait(|shared| shared.attached.get() >= world.senders.len()).await?;
        Ok(crowd)
    }

    /// An acknowledgement, byte by byte.
    pub(crate) fn reply(&self) -> Vec<u8> {
        self.shared.reply.borrow().clone()
    }

    /// Sends for a while, with so many sends of each sender under way; `pids` are those who serve.
    pub(crate) async fn send(&self, in_flight: usize, duration: Duration, pids: &[u32]) -> Result<Acks> {
        let shared = &self.shared;
        shared.running.set(true);
        for (connection, sender) in &self.senders {
            (0..in_flight).for_each(|_| sender.send(connection));
            connection.flush();
        }
        tokio::time::sleep(WARM_UP).await;
        let (begun, cpu, acks) = (Instant::now(), cpu_of(pids)?, shared.acks.get());
        shared.latencies.borrow_mut().reset();
        tokio::time::sleep(duration).await;
        let acks = (shared.acks.get() - acks) as f64;
        let cpu = cpu_of(pids)?.saturating_sub(cpu);
        let latencies = shared.latencies.borrow().clone();
        let rate = acks / begun.elapsed().as_secs_f64();
        shared.running.set(false);
        self.wait(|_| self.senders.iter().all(|(_, sender)| sender.under_way.borrow().is_empty())).await?;
        Ok(Acks { rate, latencies, cpu_us: cpu.as_secs_f64() * 1e6 / acks })
    }

    async fn wait(&self, done: impl Fn(&Shared) -> bool) -> Result<()> {
        let begun = Instant::now();
        while !done(&self.shared) {
            if let Some(error) = self.shared.failure.borrow_mut().take() {
                return Err(error);
            }
            if begun.elapsed() > PATIENCE {
                bail!("waited too long for the senders ({} attached)", self.shared.attached.get());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.shared.failure.borrow_mut().take().map_or(Ok(()), Err)
    }
}

impl Shared {
    fn new() -> Result<Self> {
        Ok(Self {
            running: Cell::default(),
            attached: Cell::default(),
            acks: Cell::default(),
            latencies: RefCell::new(Histogram::new_with_bounds(1, 60_000_000, 3)?),
            reply: RefCell::default(),
            failure: RefCell::default(),
        })
    }

    fn fail(&self, error: anyhow::Error) {
        self.failure.borrow_mut().get_or_insert(error);
    }
}

impl Sender {
    fn new(shared: Rc<Shared>, channel: u64, ready: Kind) -> Self {
        let ready = Cell::new(Some(ready));
        Self { shared, channel, ready, last_id: Cell::new(0), under_way: RefCell::default() }
    }

    fn send(&self, connection: &Connection) {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        self.under_way.borrow_mut().push_back(Instant::now());
        connection.send(0, &frames::send(id, self.channel));
    }

    fn acknowledged(&self, connection: &Connection, message: &[u8]) {
        let shared = &self.shared;
        if let Err(error) = frames::sent(message) {
            return shared.fail(error);
        }
        if shared.reply.borrow().is_empty() {
            *shared.reply.borrow_mut() = message.to_vec();
        }
        let Some(sent) = self.under_way.borrow_mut().pop_front() else {
            return shared.fail(anyhow::anyhow!("more acknowledgements than sends"));
        };
        let micros = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
        shared.latencies.borrow_mut().saturating_record(micros);
        shared.acks.set(shared.acks.get() + 1);
        if shared.running.get() {
            self.send(connection);
        }
    }
}

impl Listener for Sender {
    fn message(&self, connection: &Connection, _: usize, message: &[u8]) {
        let kind = frames::kind(message);
        if self.ready.get().is_some() {
            if self.ready.get() == Some(kind) {
                self.ready.set(None);
                self.shared.attached.set(self.shared.attached.get() + 1);
            }
        } else if kind == Kind::Result {
            self.acknowledged(connection, message);
        }
    }

    fn ended(&self, _: usize) {
        self.shared.fail(anyhow::anyhow!("a sender's stream ended"));
    }
}
