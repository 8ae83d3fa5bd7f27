//! NodeService: what other nodes ask of this one. They are trusted to have checked who may send; that a token has not ended
//! is looked at again, because word of it takes its time between nodes.

use std::sync::Arc;

use guildhall_proto::{
    ids::{LoginSessionId, UserId},
    v1,
};
use tonic::{Request, Response, Status};

use super::gateway;
use crate::{
    chat::{Caller, Chat, Error, error::Unauthenticated},
    nodes::{
        self,
        generated::{
            CommitRequest, CommitResponse, PushRefusal, PushRequest, PushResponse, ReachRequest, ReachResponse,
            node_service_server::NodeService, push_response::Outcome,
        },
    },
    session::{PushError, Sessions},
};

/// What other nodes may call.
pub(super) struct Internal {
    chat: Arc<Chat>,
    sessions: Sessions,
    reach: Reach,
}

/// Whether the database answers this node, and it takes sessions. Must not block.
pub type Reach = Box<dyn Fn() -> bool + Send + Sync>;

impl Internal {
    pub(super) fn new(chat: Arc<Chat>, sessions: Sessions, reach: Reach) -> Self {
        Self { chat, sessions, reach }
    }

    async fn pushed(&self, request: PushRequest) -> Result<v1::PushResponse, PushRefusal> {
        let push = request.push.ok_or(PushRefusal::SessionNotFound)?;
        let caller = self.caller(&request.token_digest, request.user_id, request.login_session_id).await?;
        let results = self.sessions.push(&caller, push).await.map_err(|error| match error {
            PushError::NotFound => PushRefusal::SessionNotFound,
            PushError::Busy => PushRefusal::Busy,
        })?;
        Ok(v1::PushResponse { results })
    }

    /// The caller, if the token is theirs still.
    async fn caller(&self, digest: &[u8], user: u64, login: u64) -> Result<Caller, PushRefusal> {
        let digest = digest.try_into().map_err(|_| PushRefusal::TokenInvalid)?;
        let caller = self.chat.authenticate_digest(digest).await.map_err(|error| match error {
            Error::Unauthenticated(Unauthenticated::TokenExpired) => PushRefusal::TokenExpired,
            Error::Unauthenticated(_) => PushRefusal::TokenInvalid,
            _ => PushRefusal::StorageUnavailable,
        })?;
        let same = caller.user == UserId(user) && caller.session == LoginSessionId(login);
        same.then_some(caller).ok_or(PushRefusal::TokenInvalid)
    }
}

#[tonic::async_trait]
impl NodeService for Internal {
    async fn commit(&self, request: Request<CommitRequest>) -> Result<Response<CommitResponse>, Status> {
        let response = nodes::commit(self.chat.sequencer(), request.into_inner()).await;
        response.map(Response::new).map_err(|unreadable| Status::invalid_argument(unreadable.to_string()))
    }

    async fn push(&self, request: Request<PushRequest>) -> Result<Response<PushResponse>, Status> {
        let request = request.into_inner();
        if let Some(push) = &request.push {
            gateway::check(push)?;
        }
        let outcome = match self.pushed(request).await {
            Ok(done) => Outcome::Done(done),
            Err(refusal) => Outcome::Refusal(refusal.into()),
        };
        Ok(Response::new(PushResponse { outcome: Some(outcome) }))
    }

    async fn reach(&self, _: Request<ReachRequest>) -> Result<Response<ReachResponse>, Status> {
        Ok(Response::new(ReachResponse { database: (self.reach)() }))
    }
}
