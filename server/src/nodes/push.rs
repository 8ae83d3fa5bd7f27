//! Pushes for sessions of other nodes: the id of a session begins with that of its node.

use guildhall_proto::{
    ids::{LoginSessionId, UserId},
    v1,
};

use super::{
    Nodes,
    generated::{self as wire, PushRefusal, push_response::Outcome},
};

/// Hexadecimal digits of a node's id.
const NODE_DIGITS: usize = 16;

/// Who pushes.
#[derive(Clone, Copy)]
pub struct Bearer {
    /// The user.
    pub user: UserId,
    /// The login session of the token.
    pub login: LoginSessionId,
    /// SHA-256 of the token: the other node looks for itself whether it has ended.
    pub token_digest: [u8; 32],
}

/// Why a Push was not taken by the session's node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushFailure {
    /// No such session, not the user's, or it ended.
    NotFound,
    /// The session has not answered earlier ones.
    Busy,
    /// The token is unknown there.
    TokenInvalid,
    /// The token has ended.
    TokenExpired,
    /// That node's storage does not answer.
    Storage,
    /// That node does not answer. What was pushed may have been done.
    Unanswered,
}

impl Nodes {
    /// Hands a Push to the node of its session.
    pub async fn push(&self, bearer: Bearer, push: v1::PushRequest) -> Result<v1::PushResponse, PushFailure> {
        let peer = node_of(&push.session_id).and_then(|node| self.peer(node)).ok_or(PushFailure::NotFound)?;
        let request = wire::PushRequest {
            user_id: bearer.user.get(),
            login_session_id: bearer.login.get(),
            token_digest: bearer.token_digest.to_vec(),
            push: Some(push),
        };
        let response = peer.push(request).await.ok_or(PushFailure::Unanswered)?;
        match response.outcome {
            Some(Outcome::Done(done)) => Ok(done),
            Some(Outcome::Refusal(refusal)) => Err(failure(refusal)),
            None => Err(PushFailure::Unanswered),
        }
    }

    /// Whether a session is one of another node that is there.
    pub fn is_elsewhere(&self, session_id: &str) -> bool {
        node_of(session_id).is_some_and(|node| self.peer(node).is_some())
    }
}

fn node_of(session_id: &str) -> Option<u64> {
    let digits = session_id.get(..NODE_DIGITS)?;
    // `from_str_radix` takes a sign as well.
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

fn failure(refusal: i32) -> PushFailure {
    match PushRefusal::try_from(refusal).unwrap_or_default() {
        PushRefusal::Unspecified => PushFailure::Unanswered,
        PushRefusal::SessionNotFound => PushFailure::NotFound,
        PushRefusal::Busy => PushFailure::Busy,
        PushRefusal::TokenInvalid => PushFailure::TokenInvalid,
        PushRefusal::TokenExpired => PushFailure::TokenExpired,
        PushRefusal::StorageUnavailable => PushFailure::Storage,
    }
}
