//! Receivers, and one who speaks to them: the same for the server and for the baseline, but for the frames with which a
//! stream begins.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::Result;
use tokio::task::JoinSet;

use crate::baseline;
use crate::connection::{Connection, Incoming, Listener};
use crate::frames::{self, Kind};
use crate::tally::Tally;

/// The gateway's method.
pub(crate) const SESSION: &str = "/guildhall.v1.GatewayService/Session";
/// Streams that are being opened at the same time.
pub(crate) const OPENING: usize = 64;

/// How a stream of a receiver begins.
#[derive(Clone)]
pub(crate) struct Beginning {
    path: &'static str,
    /// The first message, and others at once behind it.
    frames: Vec<Vec<u8>>,
    /// Whether the request ends with it.
    closes: bool,
    /// The frame that says that the receiver hears from now on.
    ready: Kind,
}

impl Beginning {
    /// A session that watches a channel.
    pub(crate) fn session(channel: u64) -> Self {
        let frames = vec![frames::identify(), frames::subscribe(1, channel)];
        Self { path: SESSION, frames, closes: false, ready: Kind::Result }
    }

    /// A stream of the baseline.
    pub(crate) fn bare() -> Self {
        Self { path: baseline::SUBSCRIBE, frames: vec![Vec::new()], closes: true, ready: Kind::Hello }
    }

    fn begin(&self, connection: &Connection, token: Option<&String>) {
        let (first, others) = self.frames.split_first().map_or((&[][..], &[][..]), |(first, rest)| (first, rest));
        let stream = connection.call(self.path, token.map(String::as_str), first, self.closes);
        others.iter().for_each(|frame| connection.send(stream, frame));
        connection.flush();
    }
}

/// Many receivers.
pub(crate) struct Audience {
    pub(crate) tally: Rc<Tally>,
    connections: Vec<Rc<Connection>>,
    /// The first event and the first frame that anybody heard.
    samples: Rc<Samples>,
    running: JoinSet<()>,
}

/// Frames as they came.
#[derive(Default)]
pub(crate) struct Samples {
    hello: RefCell<Vec<u8>>,
    event: RefCell<Vec<u8>>,
}

impl Samples {
    /// The first frame of a session.
    pub(crate) fn hello(&self) -> Vec<u8> {
        self.hello.borrow().clone()
    }

    /// An event.
    pub(crate) fn event(&self) -> Vec<u8> {
        self.event.borrow().clone()
    }
}

struct Receiver {
    tally: Rc<Tally>,
    samples: Rc<Samples>,
    first: usize,
    ready: Kind,
}

impl Listener for Receiver {
    fn message(&self, _: &Connection, stream: usize, message: &[u8]) {
        let kind = frames::kind(message);
        if kind == self.ready {
            self.tally.attach();
        }
        match kind {
            Kind::Event => {
                if self.samples.event.borrow().is_empty() {
                    *self.samples.event.borrow_mut() = message.to_vec();
                }
                self.tally.hear(self.first + stream);
            }
            Kind::Hello if self.samples.hello.borrow().is_empty() => {
                *self.samples.hello.borrow_mut() = message.to_vec();
            }
            Kind::Goodbye => self.tally.fail(anyhow::anyhow!("goodbye: {:?}", frames::payload(message))),
            _ => {}
        }
    }

    fn ended(&self, stream: usize) {
        self.tally.fail(anyhow::anyhow!("the stream of receiver {} ended", self.first + stream));
    }
}

impl Audience {
    /// Opens streams, `per_connection` on each connection, and waits until all of them hear. `tokens` go round.
    pub(crate) async fn open(
        addr: SocketAddr,
        (connections, per_connection): (usize, usize),
        beginning: &Beginning,
        tokens: &[String],
    ) -> Result<Self> {
        let tally = Tally::new(connections * per_connection);
        let mut audience = Self { tally, connections: Vec::new(), samples: Rc::default(), running: JoinSet::new() };
        for place in 0..connections {
            let first = place * per_connection;
            let (connection, incoming) = Connection::open(addr, None).await?;
            audience.run(Rc::clone(&connection), incoming, first, beginning.ready);
            for stream in first..first + per_connection {
                audience.tally.attached((stream + 1).saturating_sub(OPENING)).await?;
                beginning.begin(&connection, tokens.get(stream % tokens.len().max(1)));
            }
        }
        audience.tally.attached(connections * per_connection).await?;
        Ok(audience)
    }

    /// What was heard first of each kind.
    pub(crate) fn samples(&self) -> &Samples {
        &self.samples
    }

    /// The first receivers stop reading, or go on.
    pub(crate) fn stall(&self, connections: usize, stalled: bool) {
        self.connections.iter().take(connections).for_each(|connection| connection.stall(stalled));
    }

    fn run(&mut self, connection: Rc<Connection>, incoming: Incoming, first: usize, ready: Kind) {
        let tally = Rc::clone(&self.tally);
        let receiver = Receiver { tally: Rc::clone(&tally), samples: Rc::clone(&self.samples), first, ready };
        self.connections.push(Rc::clone(&connection));
        self.running.spawn_local(async move {
            if let Err(error) = incoming.run(connection, Rc::new(receiver)).await {
                tally.fail(error.context("a receiver's connection"));
            }
        });
    }
}

/// One who speaks to the audience.
pub(crate) struct Speaker {
    connection: Rc<Connection>,
    stream: u32,
    /// The channel; none = the baseline's.
    channel: Option<u64>,
    last_id: Cell<u64>,
    _running: JoinSet<()>,
}

struct Answers {
    tally: Rc<Tally>,
}

impl Listener for Answers {
    fn message(&self, _: &Connection, _: usize, message: &[u8]) {
        if frames::kind(message) == Kind::Result
            && let Err(error) = frames::sent(message)
        {
            self.tally.fail(error);
        }
    }

    fn ended(&self, _: usize) {
        self.tally.fail(anyhow::anyhow!("the speaker's stream ended"));
    }
}

impl Speaker {
    /// Speaks in a channel.
    pub(crate) async fn session(addr: SocketAddr, tally: &Rc<Tally>, channel: u64, token: &str) -> Result<Self> {
        let first = frames::identify();
        Self::open(addr, tally, (SESSION, Some(token), &first), Some(channel)).await
    }

    /// Has the baseline send its event.
    pub(crate) async fn bare(addr: SocketAddr, tally: &Rc<Tally>) -> Result<Self> {
        let speaker = Self::open(addr, tally, (baseline::PUBLISH, None, &[]), None).await?;
        // The stream's first message is one as well, which nobody has asked for.
        tally.send();
        tally.heard_all().await?;
        Ok(speaker)
    }

    async fn open(
        addr: SocketAddr,
        tally: &Rc<Tally>,
        (path, token, first): (&str, Option<&str>, &[u8]),
        channel: Option<u64>,
    ) -> Result<Self> {
        let (connection, incoming) = Connection::open(addr, None).await?;
        let stream = connection.call(path, token, first, false);
        let (mut running, failing, answers) =
            (JoinSet::new(), Rc::clone(tally), Rc::new(Answers { tally: Rc::clone(tally) }));
        let heard = Rc::clone(&connection);
        running.spawn_local(async move {
            if let Err(error) = incoming.run(heard, answers).await {
                failing.fail(error.context("the speaker's connection"));
            }
        });
        Ok(Self { connection, stream, channel, last_id: Cell::new(0), _running: running })
    }

    /// Sends the next message, without waiting for anything.
    pub(crate) fn speak(&self) {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        let message = self.channel.map(|channel| frames::send(id, channel)).unwrap_or_default();
        self.connection.send(self.stream, &message);
        self.connection.flush();
    }
}
