//! GatewayService: frames in, frames out. A session does not know how its client listens.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt};
use guildhall_proto::{
    Failure, Validate,
    v1::{self, ErrorReason},
};
use tonic::{Code, Request, Response, Status, Streaming};

use super::{caller, generated::gateway_service_server::GatewayService};
use crate::{
    chat::{Caller, Error, error::Unauthenticated},
    error::status,
    nodes::{Bearer, Nodes, PushFailure},
    sequencer::StorageFault,
    session::{
        Broken, PushError, Sessions,
        frame::{ListenResponse, SessionResponse},
    },
};

/// When a Push that found its session busy may be tried again.
const PUSH_RETRY: Duration = Duration::from_millis(250);
/// When a Push may be tried again whose session's node did not answer.
const NODE_RETRY: Duration = Duration::from_secs(1);

/// The gateway over the sessions of this node, and by Push those of others.
pub struct Gateway {
    sessions: Sessions,
    nodes: Option<Nodes>,
}

impl Gateway {
    /// A gateway over these sessions, and those of these nodes.
    pub fn new(sessions: Sessions, nodes: Option<Nodes>) -> Arc<Self> {
        Arc::new(Self { sessions, nodes })
    }

    /// The other nodes, if the session is on one of them.
    fn elsewhere(&self, session_id: &str) -> Option<&Nodes> {
        self.nodes.as_ref().filter(|nodes| nodes.is_elsewhere(session_id))
    }
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl GatewayService for Gateway {
    type SessionStream = Responses<SessionResponse>;
    type ListenStream = Responses<ListenResponse>;

    async fn session(
        &self,
        request: Request<Streaming<v1::SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let caller = caller(&request)?;
        let frames = self.sessions.open(caller, None, incoming(request.into_inner()));
        Ok(Response::new(Box::pin(frames.map(|frame| Ok(SessionResponse { frame })))))
    }

    async fn listen(&self, request: Request<v1::ListenRequest>) -> Result<Response<Self::ListenStream>, Status> {
        let caller = caller(&request)?;
        let start = request.into_inner().start.map(|start| match start {
            v1::listen_request::Start::Identify(identify) => v1::client_frame::Command::Identify(identify),
            v1::listen_request::Start::Resume(resume) => v1::client_frame::Command::Resume(resume),
        });
        let frames = self.sessions.open(caller, start, futures_util::stream::pending());
        Ok(Response::new(Box::pin(frames.map(|frame| Ok(ListenResponse { frame })))))
    }

    async fn push(&self, request: Request<v1::PushRequest>) -> Result<Response<v1::PushResponse>, Status> {
        let caller = caller(&request)?;
        let push = request.into_inner();
        check(&push)?;
        if let Some(nodes) = self.elsewhere(&push.session_id) {
            return nodes.push(bearer(&caller), push).await.map(Response::new).map_err(not_pushed);
        }
        match self.sessions.push(&caller, push).await {
            Ok(results) => Ok(Response::new(v1::PushResponse { results })),
            Err(PushError::NotFound) => Err(status(Error::GatewaySessionNotFound)),
            Err(PushError::Busy) => Err(status(Error::Overloaded { retry_after: PUSH_RETRY })),
        }
    }
}

fn bearer(caller: &Caller) -> Bearer {
    Bearer { user: caller.user, login: caller.session, token_digest: caller.token_digest() }
}

fn not_pushed(failure: PushFailure) -> Status {
    status(match failure {
        PushFailure::NotFound => Error::GatewaySessionNotFound,
        PushFailure::Busy => Error::Overloaded { retry_after: PUSH_RETRY },
        PushFailure::TokenInvalid => Error::Unauthenticated(Unauthenticated::TokenInvalid),
        PushFailure::TokenExpired => Error::Unauthenticated(Unauthenticated::TokenExpired),
        PushFailure::Storage => Error::Storage(StorageFault::Unavailable),
        PushFailure::Unanswered => {
            let failure = Failure::new(ErrorReason::Draining, "the node of this session does not answer");
            return failure.retry_after(NODE_RETRY).into();
        }
    })
}

/// Only what is wrong with the Push as a whole refuses it: a bad command in it is answered on its own request id.
pub(super) fn check(push: &v1::PushRequest) -> Result<(), Status> {
    let shallow = v1::PushRequest {
        session_id: push.session_id.clone(),
        frames: push.frames.iter().map(|_| v1::ClientFrame::default()).collect(),
    };
    shallow.validate().map_err(|violations| status(Error::from(violations)))
}

fn incoming(requests: Streaming<v1::SessionRequest>) -> impl Stream<Item = Result<v1::ClientFrame, Broken>> + Send {
    requests.map(|request| match request {
        Ok(request) => Ok(request.frame.unwrap_or_default()),
        Err(status) => Err(broken(&status)),
    })
}

/// tonic tells a frame that cannot be decoded, or is too large, from a connection that broke only by the code.
fn broken(status: &Status) -> Broken {
    match status.code() {
        Code::Internal | Code::OutOfRange | Code::InvalidArgument | Code::ResourceExhausted => Broken::Malformed,
        _ => Broken::Disconnected,
    }
}
