//! Two nodes over one store, with real sockets between them: who is let in, what is handed over, and what a session hears
//! that lives on the other node.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use guildhall_proto::{
    Failure,
    ids::{ChannelId, GuildId},
    v1::{self, ErrorReason},
};
use parking_lot::Mutex;
use prost::Message as _;
use tonic::{Code, Request, Status, transport::Endpoint};

use super::{
    Key, Membership, Nodes, Options,
    generated::{self as wire, node_service_client::NodeServiceClient},
    rendezvous,
};
use crate::{
    chat::{Caller, Chat, Parts, Policy, Registration},
    clock::Clock,
    edge::{Listener, SideEdge},
    fanout::Hub,
    limits::Mode,
    rpc::{self, gateway::Gateway, generated::gateway_service_server::GatewayService as _},
    sequencer::Router as _,
    session::{Frames, SessionConfig, Sessions},
    store::{self, Node, Registry, Store, sqlite},
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A registry in memory, which can be away.
#[derive(Default)]
struct Listed(Mutex<(BTreeMap<u64, Node>, bool)>);

impl Listed {
    fn away(&self, away: bool) {
        self.0.lock().1 = away;
    }

    fn all(&self) -> store::Result<parking_lot::MappedMutexGuard<'_, BTreeMap<u64, Node>>> {
        let guard = self.0.lock();
        if guard.1 {
            return Err(store::Error::Unavailable("away".into()));
        }
        Ok(parking_lot::MutexGuard::map(guard, |inside| &mut inside.0))
    }
}

#[async_trait]
impl Registry for Listed {
    async fn beat(&self, id: u64, address: &str, load: u32) -> store::Result<()> {
        self.all()?.insert(id, Node { id, address: address.to_owned(), start_ms: 1, load });
        Ok(())
    }

    async fn live(&self) -> store::Result<Vec<Node>> {
        Ok(self.all()?.values().cloned().collect())
    }

    async fn leave(&self, id: u64) -> store::Result<()> {
        self.all()?.remove(&id);
        Ok(())
    }
}

struct Process {
    chat: Arc<Chat>,
    sessions: Sessions,
    nodes: Nodes,
    edge: SideEdge,
    gateway: Arc<Gateway>,
    membership: Membership,
}

impl Process {
    async fn start(store: Store, registry: Arc<Listed>, now_ms: u64) -> Self {
        let listener = Listener::bind_beside(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        let address = listener.local_addr().to_string();
        let nodes = Nodes::new(Options { address, secret: SECRET.to_owned(), registry });
        let hub = Arc::new(Hub::default());
        let policy = Policy { registration: Registration::Open, rate_limits: Mode::Off };
        let chat = Chat::new(Parts { store, hub: Arc::clone(&hub), clock: Clock::manual(now_ms), policy });
        chat.sequencer().set_router(Arc::new(nodes.clone()));
        let config = SessionConfig { node: Some(nodes.id()), ..SessionConfig::default() };
        let sessions = Sessions::new(config, Arc::clone(&chat), hub);
        let routes = rpc::node_routes(Arc::clone(&chat), sessions.clone(), Box::new(|| true));
        let edge = SideEdge::for_nodes(listener, routes, nodes.key().clone());
        let gateway = Gateway::new(sessions.clone(), Some(nodes.clone()));
        let membership = nodes.join(|| 3).await.expect("joined");
        Self { chat, sessions, nodes, edge, gateway, membership }
    }

    async fn push(
        &self,
        caller: &Caller,
        session_id: &str,
        frame: v1::ClientFrame,
    ) -> Result<v1::PushResponse, Status> {
        let mut request = Request::new(v1::PushRequest { session_id: session_id.to_owned(), frames: vec![frame] });
        request.extensions_mut().insert(caller.clone());
        self.gateway.push(request).await.map(tonic::Response::into_inner)
    }

    async fn look(&self) {
        self.nodes.update(self.nodes.0.registry.live().await.expect("nodes"));
    }
}

struct Bench {
    registry: Arc<Listed>,
    one: Process,
    two: Process,
    _engine: sqlite::Sqlite,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = sqlite::Options { path: folder.path().to_owned(), read_connections: 2 };
        let (store, engine) = sqlite::open(options).await.expect("a store");
        let registry = Arc::new(Listed::default());
        let one = Process::start(store.clone(), Arc::clone(&registry), 1_800_000_000_000).await;
        let two = Process::start(store, Arc::clone(&registry), 1_800_000_500_000).await;
        one.look().await;
        Self { registry, one, two, _engine: engine, _folder: folder }
    }

    /// A person, as each of the nodes knows her.
    async fn person(&self, username: &str) -> [Caller; 2] {
        let request =
            v1::RegisterRequest { username: username.into(), password: "correct horse".into(), ..Default::default() };
        let token = self.one.chat.register(None, request).await.expect("registered").token;
        let one = self.one.chat.authenticate(&token).await.expect("authenticated");
        [one, self.two.chat.authenticate(&token).await.expect("authenticated")]
    }

    /// A channel that the second node owns.
    async fn channel(&self, owner: &Caller) -> (GuildId, ChannelId) {
        loop {
            let request = v1::CreateGuildRequest { name: "guild".into(), ..Default::default() };
            let response = self.one.chat.create_guild(owner, request).await.expect("made");
            let channel = ChannelId(response.channel_id);
            if self.one.nodes.owner(channel) == self.two.nodes.id() {
                return (GuildId(response.guild.expect("a guild").id), channel);
            }
        }
    }
}

fn send(channel: ChannelId, nonce: u128) -> v1::SendMessageRequest {
    let nonce = uuid::Uuid::from_u128(nonce).to_string();
    v1::SendMessageRequest { channel_id: channel.get(), content: "hi".into(), nonce, reply_to: 0 }
}

fn commit_request(content: String) -> wire::CommitRequest {
    let author = Some(v1::Author::default());
    let message = wire::NewMessage { actor_id: 1, author, nonce: vec![1; 16], content, ..Default::default() };
    wire::CommitRequest { channel_id: 1, time_ms: 1, sends: vec![message] }
}

/// The first frame, which is Hello, tells the session's id.
async fn session_id(frames: &mut Frames) -> String {
    let frame = frames.next().await.expect("a frame");
    match v1::ServerFrame::decode(frame).expect("a frame").payload {
        Some(v1::server_frame::Payload::Hello(hello)) => hello.session_id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_go_to_the_owner_and_come_back_as_if_they_had_not() {
    let bench = Bench::new().await;
    let [ann, _] = bench.person("ann").await;
    let (_, channel) = bench.channel(&ann).await;
    for nonce in 1..=20 {
        let response = bench.one.chat.send_message(&ann, send(channel, nonce)).await.expect("sent");
        assert_eq!((u128::from(response.message_id), response.duplicate), (nonce, false));
    }
    assert!(bench.one.chat.send_message(&ann, send(channel, 20)).await.expect("sent").duplicate);
    assert_eq!((bench.two.chat.sequencer().lanes(), bench.one.chat.sequencer().lanes()), (1, 1), "by the owner's lane");
    let page = v1::ListMessagesRequest { channel_id: channel.get(), ..Default::default() };
    let page = bench.one.chat.list_messages(&ann, page).await.expect("a page");
    assert_eq!(page.messages[0].author.as_ref().expect("an author").username, "ann");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_owner_is_avoided_and_nobody_waits_for_it_twice() {
    let Bench { one, two, registry, _engine, _folder } = Bench::new().await;
    let bench_ann = {
        let request =
            v1::RegisterRequest { username: "ann".into(), password: "correct horse".into(), ..Default::default() };
        let token = one.chat.register(None, request).await.expect("registered").token;
        one.chat.authenticate(&token).await.expect("authenticated")
    };
    let made = one.chat.create_guild(&bench_ann, v1::CreateGuildRequest { name: "guild".into(), ..Default::default() });
    let made = made.await.expect("made");
    let (guild, mut channel) = (made.guild.expect("a guild").id, ChannelId(made.channel_id));
    while one.nodes.owner(channel) == one.nodes.id() {
        let request = v1::CreateChannelRequest { guild_id: guild, name: "more".into(), kind: 1, ..Default::default() };
        channel = ChannelId(one.chat.create_channel(&bench_ann, request).await.expect("made").channel.expect("one").id);
    }
    one.chat.send_message(&bench_ann, send(channel, 1)).await.expect("sent by the owner");
    two.edge.abort().await;
    drop(two.membership);
    let before = tokio::time::Instant::now();
    for nonce in 2..50 {
        let response = one.chat.send_message(&bench_ann, send(channel, nonce)).await.expect("sent");
        assert!(!response.duplicate);
    }
    assert!(before.elapsed() < Duration::from_secs(3), "{:?}", before.elapsed());
    assert_eq!(one.nodes.owner(channel), one.nodes.id(), "it is avoided");
    assert!(!one.nodes.elsewhere(channel));
    // While the registry is away, who was there is taken to be there.
    registry.away(true);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(one.nodes.live().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_is_silent_costs_a_second_once() {
    let bench = Bench::new().await;
    let [ann, _] = bench.person("ann").await;
    let (_, channel) = bench.channel(&ann).await;
    // It takes connections and says nothing.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = mute.local_addr().expect("an address").to_string();
    let above = |id: &u64| rendezvous::score(*id, channel) > rendezvous::score(bench.two.nodes.id(), channel);
    let id = (1..).find(above).expect("a node");
    bench.registry.beat(id, &address, 0).await.expect("listed");
    bench.one.look().await;
    assert_eq!(bench.one.nodes.owner(channel), id);
    let before = tokio::time::Instant::now();
    for nonce in 1..10 {
        let response = bench.one.chat.send_message(&ann, send(channel, nonce)).await.expect("sent");
        assert_eq!((u128::from(response.message_id), response.duplicate), (nonce, false));
    }
    let took = before.elapsed();
    assert!((900..2_500).contains(&took.as_millis()), "{took:?}");
    assert_eq!(bench.one.nodes.owner(channel), bench.two.nodes.id(), "the next one owns it meanwhile");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_nodes_are_let_in() {
    let bench = Bench::new().await;
    let [ann, _] = bench.person("ann").await;
    let login = v1::LoginRequest { username: "ann".into(), password: "correct horse".into(), ..Default::default() };
    let token = bench.one.chat.login(None, login).await.expect("logged in").token;
    let address = bench.two.edge.local_addr();
    let channel =
        Endpoint::from_shared(format!("http://{address}")).expect("an address").connect().await.expect("open");
    let mut client = NodeServiceClient::new(channel);
    let wrong = Key::new("another secret of sufficient size").header().expect("a header");
    let wrong = wrong.to_str().expect("text").to_owned();
    for shown in [None, Some(wrong), Some(format!("Bearer {token}")), Some(format!("Bearer {SECRET}"))] {
        let mut request = Request::new(commit_request("x".into()));
        if let Some(shown) = &shown {
            request.metadata_mut().insert("authorization", shown.parse().expect("a value"));
        }
        let status = client.commit(request).await.expect_err("refused");
        assert_eq!(status.code(), Code::Unauthenticated, "{shown:?}");
        let mut request = Request::new(wire::PushRequest { user_id: ann.user.get(), ..Default::default() });
        if let Some(shown) = &shown {
            request.metadata_mut().insert("authorization", shown.parse().expect("a value"));
        }
        assert_eq!(client.push(request).await.err().expect("refused").code(), Code::Unauthenticated);
    }
    assert_eq!(bench.two.chat.sequencer().lanes(), 0, "nothing was queued");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_or_senseless_is_refused_whole() {
    let bench = Bench::new().await;
    let address = bench.two.edge.local_addr();
    let channel =
        Endpoint::from_shared(format!("http://{address}")).expect("an address").connect().await.expect("open");
    let mut client = NodeServiceClient::new(channel);
    let with_key = |message| {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", bench.one.nodes.key().header().expect("a header"));
        request
    };
    let large = client.commit(with_key(commit_request("x".repeat(5 << 20)))).await.expect_err("refused");
    assert_eq!(large.code(), Code::OutOfRange, "{large:?}");
    let mut many = commit_request("x".into());
    many.sends = vec![many.sends[0].clone(); 257];
    assert_eq!(client.commit(with_key(many)).await.expect_err("refused").code(), Code::InvalidArgument);
    let none = wire::CommitRequest { channel_id: 1, ..Default::default() };
    assert_eq!(client.commit(with_key(none)).await.expect_err("refused").code(), Code::InvalidArgument);
    let lost = client.commit(with_key(commit_request("x".into()))).await.expect("answered").into_inner();
    let Some(wire::outcome::Outcome::Refusal(refusal)) = lost.outcomes[0].outcome else { panic!("not refused") };
    assert_eq!(refusal.reason(), wire::RefusalReason::ChannelNotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_finds_its_session_on_another_node() {
    let bench = Bench::new().await;
    let [ann, ann_there] = bench.person("ann").await;
    let [_, bob_there] = bench.person("bob").await;
    let start = v1::client_frame::Command::Identify(v1::Identify::default());
    let mut frames = bench.one.sessions.open(ann.clone(), Some(start), futures_util::stream::pending());
    let id = session_id(&mut frames).await;
    assert!(id.starts_with(&format!("{:016x}", bench.one.nodes.id())) && id.len() == 32, "{id}");
    let (_, channel) = bench.channel(&ann).await;
    let command = v1::client_frame::Command::SendMessage(send(channel, 1));
    let frame = v1::ClientFrame { request_id: 7, command: Some(command) };

    let response = bench.two.push(&ann_there, &id, frame.clone()).await.expect("pushed");
    let Some(v1::command_result::Outcome::SendMessage(sent)) = &response.results[0].outcome else {
        panic!("{response:?}")
    };
    assert_eq!((response.results[0].request_id, sent.message_id), (7, 1));

    let reason = |status: Status| (Failure::from_status(&status).code, Failure::from_status(&status).reason);
    let not_found = (Code::NotFound, ErrorReason::GatewaySessionNotFound);
    let others = bench.two.push(&bob_there, &id, frame.clone()).await.expect_err("not his");
    assert_eq!(reason(others), not_found);
    let no_node = format!("{:016x}{}", 1, &id[16..]);
    for wrong in [
        &no_node,
        "x",
        &format!("{}{}", &id[..16], "0".repeat(16)),
        "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
    ] {
        let unknown = bench.two.push(&ann_there, wrong, frame.clone()).await.expect_err("no such session");
        assert_eq!(reason(unknown), not_found, "{wrong}");
    }
    // The first node ends the login; the second has not heard of it yet, and passes the Push on.
    bench.one.chat.logout(&ann, v1::LogoutRequest {}).await.expect("logged out");
    let ended = bench.two.push(&ann_there, &id, frame.clone()).await.expect_err("ended");
    assert_eq!(reason(ended), (Code::Unauthenticated, ErrorReason::TokenExpired));

    let Process { edge, .. } = bench.one;
    edge.abort().await;
    let gone = bench.two.push(&bob_there, &id, frame).await.expect_err("no answer");
    assert_eq!(Failure::from_status(&gone).retry_after, Some(Duration::from_secs(1)));
    assert_eq!(reason(gone), (Code::Unavailable, ErrorReason::Draining));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_leaves_owns_nothing() {
    let bench = Bench::new().await;
    let channel = (1..).map(ChannelId).find(|channel| {
        rendezvous::score(bench.two.nodes.id(), *channel) > rendezvous::score(bench.one.nodes.id(), *channel)
    });
    let channel = channel.expect("a channel of the second node");
    assert_eq!(bench.one.nodes.owner(channel), bench.two.nodes.id());
    assert_eq!(bench.two.nodes.owner(channel), bench.two.nodes.id());
    assert_eq!(bench.one.nodes.live().iter().map(|node| node.load).collect::<Vec<_>>(), [3, 3]);
    bench.two.membership.leave().await;
    let noticed = async {
        while bench.one.nodes.owner(channel) != bench.one.nodes.id() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), noticed).await.expect("noticed");
    tokio::time::timeout(Duration::from_secs(5), bench.two.edge.finish()).await.expect("ended");
}
