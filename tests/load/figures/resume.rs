//! What it costs the server when everybody comes back at once: connect, authenticate, Resume with the cursors of the
//! user, the guild and a channel, Resumed. Nothing was missed meanwhile.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::Result;
use guildhall_proto::v1::{self, server_frame::Payload};
use tokio::task::JoinSet;

use crate::audience::{OPENING, SESSION};
use crate::baseline;
use crate::child::Child;
use crate::connection::{Connection, Listener};
use crate::figure::{Figure, Pair, Spec, Target};
use crate::frames::{self, Kind};
use crate::lab::Lab;
use crate::tally::Tally;

/// Sessions, in full and in short.
pub(crate) const SESSIONS: (usize, usize) = (5_000, 300);
const BARE: &str = "opening a tonic server stream";

/// A server that stays, one that is restarted each time, and the baseline.
pub(crate) struct Resume {
    server: Child,
    data: std::path::PathBuf,
    bare: Child,
    /// The cursors of each session.
    cursors: Vec<Vec<v1::Cursor>>,
}

/// The streams that were opened, and what their first frames told.
pub(super) struct Return {
    tally: Rc<Tally>,
    readies: RefCell<HashMap<usize, Vec<u8>>>,
    ready: Kind,
}

impl Return {
    /// The first frames of sessions that identified, by number.
    pub(super) fn readies(&self) -> HashMap<usize, Vec<u8>> {
        self.readies.take()
    }
}

struct Returner {
    of: Rc<Return>,
    number: usize,
    done: Cell<bool>,
}

impl Listener for Returner {
    fn message(&self, _: &Connection, _: usize, message: &[u8]) {
        let kind = frames::kind(message);
        if kind == Kind::Ready && self.of.ready == Kind::Ready {
            self.of.readies.borrow_mut().insert(self.number, message.to_vec());
        }
        if kind == self.of.ready && !self.done.replace(true) {
            self.of.tally.attach();
        }
        if matches!(kind, Kind::Goodbye | Kind::Other) && !self.done.get() {
            self.of.tally.fail(anyhow::anyhow!("not resumed: {:?}", frames::payload(message)));
        }
    }

    fn ended(&self, _: usize) {
        self.of.tally.fail(anyhow::anyhow!("the stream of session {} ended", self.number));
    }
}

impl Figure for Resume {
    const SPECS: &'static [Spec] = &[
        Spec {
            figure: "reconnect with resume, 5,000 sessions: server CPU",
            unit: "us/session",
            against: BARE,
            target: Target::RatioAtMost(2.0),
        },
        Spec { figure: "  after a restart of the server", unit: "us/session", against: BARE, target: Target::None },
    ];

    async fn prepare(lab: &Lab) -> Result<Self> {
        let data = lab.copy_of_template()?;
        let server = lab.server(&data).await?;
        let sessions = lab.or_quick(SESSIONS.0, SESSIONS.1);
        let begin = |number: usize| (SESSION, Some(lab.world.members[number].as_str()), frames::identify(), false);
        let (opened, _running) = open(&[server.addr()], sessions, begin, Kind::Ready).await?;
        let mut readies = opened.readies();
        let cursors = (0..sessions).map(|number| cursors(&readies.remove(&number).unwrap_or_default()));
        let cursors = cursors.collect::<Result<Vec<_>>>()?;
        let hello = frames::hello();
        Ok(Self { server, data, bare: lab.stream(&hello, &hello).await?, cursors })
    }

    async fn round(&mut self, lab: &Lab) -> Result<Vec<Pair>> {
        let warm = self.resume(&self.server, lab).await?;
        let bare = |_: usize| (baseline::SUBSCRIBE, None, Vec::new(), true);
        let other = cost(&self.bare, self.cursors.len(), bare, Kind::Hello).await?;
        self.server.kill();
        self.server = lab.server(&self.data).await?;
        let cold = self.resume(&self.server, lab).await?;
        Ok(vec![Pair { ours: warm, other }, Pair { ours: cold, other }])
    }
}

impl Resume {
    async fn resume(&self, server: &Child, lab: &Lab) -> Result<f64> {
        let begin = |number: usize| {
            let first = frames::resume(self.cursors[number].clone());
            (SESSION, Some(lab.world.members[number].as_str()), first, false)
        };
        cost(server, self.cursors.len(), begin, Kind::Resumed).await
    }
}

/// How a stream begins: path, token, first message, whether the request ends with it.
pub(super) type Begin<'a> = (&'static str, Option<&'a str>, Vec<u8>, bool);

/// CPU time of the server for each stream that is opened, in microseconds. All are closed again.
async fn cost<'a>(child: &Child, count: usize, begin: impl Fn(usize) -> Begin<'a>, ready: Kind) -> Result<f64> {
    child.settle().await?;
    let before = child.cpu()?;
    let (_opened, running) = open(&[child.addr()], count, begin, ready).await?;
    let used = child.cpu()?.saturating_sub(before);
    drop(running);
    child.settle().await?;
    Ok(used.as_secs_f64() * 1e6 / count as f64)
}

/// Opens streams, each on its own connection, at these addresses in turn, some at a time.
pub(super) async fn open<'a>(
    addrs: &[SocketAddr],
    count: usize,
    begin: impl Fn(usize) -> Begin<'a>,
    ready: Kind,
) -> Result<(Rc<Return>, JoinSet<()>)> {
    let tally = Tally::new(count);
    let opened = Rc::new(Return { tally: Rc::clone(&tally), readies: RefCell::default(), ready });
    let mut running = JoinSet::new();
    for number in 0..count {
        tally.attached((number + 1).saturating_sub(OPENING)).await?;
        let (connection, incoming) = Connection::open(addrs[number % addrs.len()], None).await?;
        let (path, token, first, last) = begin(number);
        connection.call(path, token, &first, last);
        let listener = Rc::new(Returner { of: Rc::clone(&opened), number, done: Cell::new(false) });
        let tally = Rc::clone(&tally);
        running.spawn_local(async move {
            if let Err(error) = incoming.run(connection, listener).await {
                tally.fail(error.context("a session's connection"));
            }
        });
    }
    tally.attached(count).await?;
    Ok((opened, running))
}

/// Where a session is, of its own stream, its guild and the guild's channels.
pub(super) fn cursors(ready: &[u8]) -> Result<Vec<v1::Cursor>> {
    let Payload::Ready(ready) = frames::payload(ready)? else { anyhow::bail!("not a Ready") };
    let guilds = ready
        .guilds
        .into_iter()
        .flat_map(|guild| guild.channels.into_iter().filter_map(|channel| channel.cursor).chain(guild.cursor));
    Ok(guilds.chain(ready.user_cursor).collect())
}
