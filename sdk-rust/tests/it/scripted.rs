//! A server that does what the test tells it, frame by frame: for everything that a real one never does on demand.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use guildhall::proto::v1::client_frame::Command;
use guildhall::proto::v1::command_result::Outcome;
use guildhall::proto::v1::server_frame::Payload;
use guildhall::proto::v1::{self, SessionRequest, SessionResponse};
use guildhall::{Client, ErrorReason};
use guildhall_proto::Failure;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::task::AbortOnDropHandle;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::support::soon;

type Handler<Q, A> = Arc<dyn Fn(Q) -> Result<A, Status> + Send + Sync>;

/// What the server answers to calls.
#[derive(Clone)]
pub(crate) struct Calls {
    pub(crate) list_changes: Handler<v1::ListChangesRequest, v1::ListChangesResponse>,
    pub(crate) send_message: Handler<v1::SendMessageRequest, v1::SendMessageResponse>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            list_changes: Arc::new(|_| Err(Status::internal("ListChanges is not in the script"))),
            send_message: Arc::new(|_| Err(Status::internal("SendMessage is not in the script"))),
        }
    }
}

/// A server that follows the test.
pub(crate) struct Scripted {
    url: String,
    peers: mpsc::Receiver<Peer>,
    _task: AbortOnDropHandle<()>,
}

/// One session, seen from the server.
pub(crate) struct Peer {
    inbound: Streaming<SessionRequest>,
    out: mpsc::Sender<Result<SessionResponse, Status>>,
}

impl Scripted {
    pub(crate) async fn start(calls: Calls) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, peers) = mpsc::channel(16);
        let parts = Parts { calls, peers: sender };
        let server = tonic::transport::Server::builder()
            .add_service(Gateways(parts.clone()))
            .add_service(Histories(parts.clone()))
            .add_service(Messages(parts));
        let serving = async move {
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        };
        let _task = AbortOnDropHandle::new(tokio::spawn(serving));
        Self { url, peers, _task }
    }

    pub(crate) fn client(&self) -> Client {
        Client::builder(&self.url).token("t").build().unwrap()
    }

    /// The next session, before Hello.
    pub(crate) async fn opened(&mut self) -> Peer {
        soon("a session", self.peers.recv()).await.unwrap()
    }

    /// The next session, after Hello.
    pub(crate) async fn peer(&mut self) -> Peer {
        self.peer_with(Duration::from_secs(30)).await
    }

    /// The next session, with another heartbeat.
    pub(crate) async fn peer_with(&mut self, heartbeat: Duration) -> Peer {
        let peer = self.opened().await;
        peer.say(Payload::Hello(v1::Hello {
            session_id: "scripted".to_owned(),
            heartbeat_interval: prost_types::Duration::try_from(heartbeat).ok(),
            max_sends_in_flight: 4,
            ..Default::default()
        }))
        .await;
        peer
    }

    /// The next session, identified; nothing was to be subscribed to.
    pub(crate) async fn identified(&mut self, ready: v1::Ready) -> Peer {
        let mut peer = self.peer().await;
        let (_, command) = peer.next().await;
        assert!(matches!(command, Command::Identify(_)), "{command:?}");
        peer.say(Payload::Ready(ready)).await;
        peer
    }

    /// The next session, resumed; answers with which cursors.
    pub(crate) async fn resumed(&mut self, ready: v1::Ready) -> (Peer, Vec<String>) {
        let mut peer = self.peer().await;
        let (_, command) = peer.next().await;
        let Command::Resume(resume) = command else {
            panic!("not a Resume: {command:?}");
        };
        peer.say(Payload::Ready(ready)).await;
        let cursors = resume.cursors.iter().map(shown).collect();
        (peer, cursors)
    }
}

/// A cursor in short: its stream and seq.
pub(crate) fn shown(cursor: &v1::Cursor) -> String {
    let stream = guildhall::StreamKey::try_from(cursor.stream.unwrap()).unwrap();
    format!("{stream}@{}", cursor.seq)
}

impl Peer {
    /// The next command, heartbeats left out.
    pub(crate) async fn next(&mut self) -> (u64, Command) {
        loop {
            let (id, command) = self.next_of_all().await;
            if !matches!(command, Command::Heartbeat(_)) {
                return (id, command);
            }
        }
    }

    pub(crate) async fn next_of_all(&mut self) -> (u64, Command) {
        let request = soon("a frame", self.inbound.message()).await.unwrap();
        let frame = request.expect("the client ended its stream").frame.unwrap();
        (frame.request_id, frame.command.unwrap())
    }

    /// The next command, which must be a send.
    pub(crate) async fn send(&mut self) -> (u64, v1::SendMessageRequest) {
        match self.next().await {
            (id, Command::SendMessage(request)) => (id, request),
            (_, command) => panic!("not a send: {command:?}"),
        }
    }

    /// The next command, which must be an update of what is watched.
    pub(crate) async fn update(&mut self) -> (u64, v1::UpdateSubscriptions) {
        match self.next().await {
            (id, Command::UpdateSubscriptions(update)) => (id, update),
            (_, command) => panic!("not an update: {command:?}"),
        }
    }

    /// Whether the client has ended its stream.
    pub(crate) async fn gone(&mut self) -> bool {
        loop {
            match soon("the end", self.inbound.message()).await {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return true,
            }
        }
    }

    pub(crate) async fn say(&self, payload: Payload) {
        let frame = Some(v1::ServerFrame { payload: Some(payload) });
        // Whoever has gone does not hear it, and the test goes on.
        let _ = self.out.send(Ok(SessionResponse { frame })).await;
    }

    pub(crate) async fn result(&self, request_id: u64, outcome: Outcome) {
        let outcome = Some(outcome);
        let result = v1::CommandResult { request_id, outcome };
        self.say(Payload::CommandResult(result)).await;
    }

    /// Agrees to an update; each cursor is where a channel begins.
    pub(crate) async fn agree(&self, request_id: u64, cursors: Vec<v1::Cursor>) {
        let updated = v1::SubscriptionsUpdated { cursors, ..Default::default() };
        self.result(request_id, Outcome::SubscriptionsUpdated(updated)).await;
    }

    pub(crate) async fn stored(&self, request_id: u64, message_id: u64) {
        let response = v1::SendMessageResponse { message_id, ..Default::default() };
        self.result(request_id, Outcome::SendMessage(response)).await;
    }

    pub(crate) async fn refuse(&self, request_id: u64, reason: ErrorReason) {
        let failure = Failure::new(reason, "no");
        self.result(request_id, Outcome::Error(failure.into())).await;
    }

    /// Ends the stream with a status.
    pub(crate) async fn fail(self, status: Status) {
        // Whoever has gone does not hear it, and the test goes on.
        let _ = self.out.send(Err(status)).await;
    }
}

#[derive(Clone)]
struct Parts {
    calls: Calls,
    peers: mpsc::Sender<Peer>,
}

macro_rules! service {
    ($name:ident, $path:literal, $answer:ident) => {
        #[derive(Clone)]
        struct $name(Parts);

        impl NamedService for $name {
            const NAME: &'static str = $path;
        }

        impl Service<http::Request<Body>> for $name {
            type Response = http::Response<Body>;
            type Error = Infallible;
            type Future = BoxFuture<Self::Response, Infallible>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<Body>) -> Self::Future {
                let parts = self.0.clone();
                Box::pin(async move { Ok($answer(parts, request).await) })
            }
        }
    };
}

service!(Gateways, "guildhall.v1.GatewayService", gateway);
service!(Histories, "guildhall.v1.HistoryService", history);
service!(Messages, "guildhall.v1.MessageService", messages);

async fn gateway(parts: Parts, request: http::Request<Body>) -> http::Response<Body> {
    let mut grpc = Grpc::new(ProstCodec::<SessionResponse, SessionRequest>::default());
    grpc.streaming(Open(parts.peers), request).await
}

struct Open(mpsc::Sender<Peer>);

impl tonic::server::StreamingService<SessionRequest> for Open {
    type Response = SessionResponse;
    type ResponseStream = ReceiverStream<Result<SessionResponse, Status>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<Streaming<SessionRequest>>) -> Self::Future {
        let peers = self.0.clone();
        Box::pin(async move {
            let (out, frames) = mpsc::channel(16);
            let inbound = request.into_inner();
            let peer = Peer { inbound, out };
            peers.send(peer).await.map_err(|_| Status::unavailable("the test is over"))?;
            Ok(Response::new(ReceiverStream::new(frames)))
        })
    }
}

struct Answer<Q, A>(Handler<Q, A>);

impl<Q: Send + 'static, A: Send + 'static> tonic::server::UnaryService<Q> for Answer<Q, A> {
    type Response = A;
    type Future = BoxFuture<Response<A>, Status>;

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let answer = (self.0)(request.into_inner()).map(Response::new);
        Box::pin(async move { answer })
    }
}

async fn history(parts: Parts, request: http::Request<Body>) -> http::Response<Body> {
    let mut grpc = Grpc::new(ProstCodec::default());
    grpc.unary(Answer(parts.calls.list_changes), request).await
}

async fn messages(parts: Parts, request: http::Request<Body>) -> http::Response<Body> {
    let mut grpc = Grpc::new(ProstCodec::default());
    grpc.unary(Answer(parts.calls.send_message), request).await
}
