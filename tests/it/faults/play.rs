//! Everybody at work in one channel while something fails, and what they see of it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream;
use guildhall::{ChannelId, ConnectionState, Gateway, Kind, MessageId, Nonce};
use guildhall_proto::v1::ErrorReason;
use guildhall_tests::eventually::{eventually, soon};
use guildhall_tests::proxy::Proxy;
use guildhall_tests::recorder::{self, Ledger, Reading};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::scenario::Fault;
use super::scene::{Scene, client};
use super::table::Row;

/// Acknowledgements before the fault.
const LOAD: usize = 100;
/// Each writes so often. What matters is how they are interleaved with the fault, not how many there are.
const PACE: Duration = Duration::from_millis(50);
/// So many of each may wait at a time: what is sent to see whether all goes on stands behind them.
const UNDER_WAY: usize = 8;

/// Somebody's live session.
struct Session {
    gateway: Gateway,
    state: watch::Receiver<ConnectionState>,
    reading: Reading,
    writer: JoinHandle<()>,
}

/// A send that was not acknowledged.
struct Unsettled {
    node: usize,
    nonce: Nonce,
    content: String,
}

/// See the file.
pub(super) struct Play {
    pub(super) scene: Scene,
    pub(super) channel: ChannelId,
    /// The node that a fault of one node strikes.
    pub(super) victim: usize,
    ledger: Ledger,
    sessions: Vec<Session>,
    roamer: Session,
    unsettled: Vec<Unsettled>,
    stop: watch::Sender<bool>,
    said: usize,
    _balancer: Proxy,
}

impl Play {
    /// Everybody is connected, and messages are acknowledged.
    pub(super) async fn begin(scene: Scene, channel: ChannelId, fault: Fault) -> Self {
        let victim = match fault.strikes_the_hot_node() {
            true => scene.deployment.owner(channel).await,
            false => rand::random_range(0..scene.people.len()),
        };
        let (ledger, (stop, stopped)) = (Ledger::default(), watch::channel(false));
        let balancer = scene.balancer(victim).await;
        let mut roamer = scene.roamer.clone();
        roamer.client = client(&format!("http://{}", balancer.address()), &roamer);
        let mut readings = Vec::new();
        for user in scene.people.iter().chain([&roamer]) {
            let (gateway, events) = user.client.gateway().subscribe(channel).connect().await.unwrap();
            gateway.ready().await.unwrap();
            let reading = Reading::begin(user.name.clone(), events, channel, 0);
            readings.push((user.name.clone(), gateway, reading));
        }
        // Nobody writes before all listen.
        let mut sessions = Vec::new();
        for (name, gateway, reading) in readings {
            let writer = write(name, gateway.clone(), channel, (ledger.clone(), stopped.clone()));
            sessions.push(Session { state: gateway.state(), gateway, reading, writer: tokio::spawn(writer) });
        }
        eventually("messages are acknowledged", async || (ledger.acknowledged() >= LOAD).then_some(())).await;
        let roamer = sessions.pop().unwrap();
        let (unsettled, said) = (Vec::new(), 0);
        Self { scene, channel, victim, ledger, sessions, roamer, unsettled, stop, said, _balancer: balancer }
    }

    /// All but the node that is struck.
    pub(super) fn others(&self) -> Vec<usize> {
        let mut nodes = self.scene.nodes();
        nodes.retain(|node| *node != self.victim);
        nodes
    }

    /// Whoever is at these nodes sends, is acknowledged, and reads what he has sent; and all there are shown it.
    pub(super) async fn goes_on(&mut self, nodes: &[usize]) {
        for &node in nodes {
            let (id, content) = self.send_goes_on(node, nodes).await;
            for &reader in nodes {
                let stored = self.scene.people[reader].client.history().message(self.channel, id).await;
                let stored = stored.unwrap_or_else(|error| panic!("history at node {reader} does not go on: {error}"));
                assert_eq!(stored.content, content, "at node {reader}");
            }
        }
    }

    /// The same, but nobody reads history.
    pub(super) async fn sends_go_on(&mut self, nodes: &[usize]) {
        for &node in nodes {
            self.send_goes_on(node, nodes).await;
        }
    }

    async fn send_goes_on(&mut self, node: usize, readers: &[usize]) -> (MessageId, String) {
        let (nonce, content) = self.next(node);
        let send = self.sessions[node].gateway.send(self.channel, &content).nonce(nonce);
        let sent = soon(&format!("a send at node {node} goes on"), async { send.await.unwrap() }).await;
        self.ledger.acknowledges(nonce.to_string(), sent.message_id.get());
        for &reader in readers {
            self.sessions[reader].reading.shown(sent.message_id.get()).await;
        }
        (sent.message_id, content)
    }

    /// What was acknowledged at one of these nodes and is sent once more, at each of them, is known everywhere.
    pub(super) async fn repeats(&mut self, nodes: &[usize]) {
        let (nonce, content) = self.next(nodes[0]);
        let mut first = None;
        for &node in nodes {
            let elsewhere = client(&self.scene.deployment.url(node), &self.scene.people[nodes[0]]);
            let sent = elsewhere.messages().send(self.channel, &content).nonce(nonce).await.unwrap();
            self.ledger.acknowledges(nonce.to_string(), sent.message_id.get());
            assert_eq!(sent.message_id, *first.get_or_insert(sent.message_id), "at node {node}");
        }
    }

    /// Whether a send is acknowledged at once.
    pub(super) async fn is_acknowledged(&mut self) -> bool {
        let (nonce, content) = self.next(0);
        let sent = self.scene.once(0).messages().send(self.channel, &content).nonce(nonce).await;
        match &sent {
            Ok(sent) => self.ledger.acknowledges(nonce.to_string(), sent.message_id.get()),
            Err(_) => self.unsettled.push(Unsettled { node: 0, nonce, content }),
        }
        sent.is_ok()
    }

    /// Whoever is at these nodes keeps his session, and his sends and his history are refused as unavailable for now.
    pub(super) async fn waits(&mut self, nodes: &[usize]) {
        let sends = nodes.iter().map(|node| (*node, self.next(*node))).collect::<Vec<_>>();
        let asked = sends.iter().map(async |(node, (nonce, content))| {
            let once = self.scene.once(*node);
            match once.messages().send(self.channel, content).nonce(*nonce).await {
                Ok(sent) => panic!("{} was acknowledged at node {node}", sent.message_id),
                Err(error) => assert_unavailable(&error, "a send"),
            }
            match once.channel(self.channel).history().await {
                Ok(page) => panic!("history at node {node} shows {} messages", page.messages.len()),
                Err(error) => assert_unavailable(&error, "history"),
            }
        });
        join_all(asked).await;
        let unsettled = sends.into_iter().map(|(node, (nonce, content))| Unsettled { node, nonce, content });
        self.unsettled.extend(unsettled);
        self.sessions_stay(nodes);
    }

    /// Nobody can log in for now, at any node.
    pub(super) async fn logins_wait(&self) {
        let asked = self.scene.nodes().into_iter().map(async |node| {
            let once = self.scene.once(node);
            let error = once.auth().login("user0", "a wrong password").await.expect_err("a login is refused");
            assert_unavailable(&error, "a login");
        });
        join_all(asked).await;
    }

    /// Guilds are looked after as always.
    pub(super) async fn guilds_go_on(&self) {
        for node in self.scene.nodes() {
            let owner = client(&self.scene.deployment.url(node), &self.scene.people[0]);
            owner.guilds().update(self.scene.guild().id).name(format!("renamed at {node}")).await.unwrap();
        }
    }

    /// From here on it is noticed if a session breaks.
    pub(super) fn mark(&mut self) {
        self.sessions.iter_mut().for_each(|session| _ = session.state.borrow_and_update());
    }

    /// Since the mark, no session at these nodes broke.
    pub(super) fn sessions_stay(&mut self, nodes: &[usize]) {
        for &node in nodes {
            let state = &mut self.sessions[node].state;
            assert!(!state.has_changed().unwrap(), "the session at node {node} is {}", *state.borrow());
        }
    }

    /// Who comes by a load balancer is at a node that serves, and is acknowledged there.
    pub(super) async fn roamer_goes_on(&mut self) {
        let (nonce, content) = (Nonce::random(), "I am elsewhere now".to_owned());
        self.ledger.sends(nonce.to_string(), &content);
        let send = self.roamer.gateway.send(self.channel, content).nonce(nonce);
        let sent = soon("the roamer is acknowledged", async { send.await.unwrap() }).await;
        self.ledger.acknowledges(nonce.to_string(), sent.message_id.get());
    }

    /// All is well again: everybody goes on, what waited is settled, and everybody is shown everything.
    pub(super) async fn end(mut self) -> (Scene, Row) {
        let over = Instant::now();
        for Unsettled { node, nonce, content } in std::mem::take(&mut self.unsettled) {
            let client = self.scene.people[node].client.clone();
            // Another node's sends may have to wait longer than one call may take.
            let sent = eventually("what waited is acknowledged", async || {
                client.messages().send(self.channel, &content).nonce(nonce).await.ok()
            });
            self.ledger.acknowledges(nonce.to_string(), sent.await.message_id.get());
        }
        self.goes_on(&self.scene.nodes()).await;
        self.roamer_goes_on().await;
        let recovered = over.elapsed();
        self.stop.send_replace(true);
        let mut readings = Vec::new();
        for session in self.sessions.into_iter().chain([self.roamer]) {
            soon("a writer is acknowledged", session.writer).await.unwrap();
            readings.push((session.gateway, session.reading));
        }
        let log = recorder::log(&self.scene.people[0].client, self.channel).await;
        let head = log.last().unwrap().message_id;
        let mut readers = Vec::new();
        for (gateway, reading) in readings {
            readers.push(reading.until(head).await);
            gateway.close().await;
        }
        let history = self.ledger.history(log, readers);
        assert_eq!(history.sends.len(), history.log.len(), "every send was settled");
        let row = Row { counts: history.counts(), anomalies: history.anomalies(), recovered };
        (self.scene, row)
    }

    fn next(&mut self, node: usize) -> (Nonce, String) {
        self.said += 1;
        let (nonce, content) = (Nonce::random(), format!("{} at node {node}", self.said));
        self.ledger.sends(nonce.to_string(), &content);
        (nonce, content)
    }
}

#[track_caller]
fn assert_unavailable(error: &guildhall::Error, what: &str) {
    let kind = error.kind();
    assert!(matches!(kind, Kind::Api(ErrorReason::StorageUnavailable)), "{what} is answered with {kind:?}: {error}");
    assert!(error.is_retryable(), "{what}: {error}");
}

async fn write(name: String, gateway: Gateway, channel: ChannelId, (ledger, stopped): (Ledger, watch::Receiver<bool>)) {
    let texts = stream::unfold(0, move |number| {
        let (name, stopped) = (name.clone(), stopped.clone());
        async move {
            sleep(PACE).await;
            let goes_on = !*stopped.borrow();
            goes_on.then(|| (format!("{name} {number}"), number + 1))
        }
    });
    ledger.write_at_pace(&gateway, channel, texts, UNDER_WAY).await;
}
