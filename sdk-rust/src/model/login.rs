//! Login sessions.

use guildhall_proto::ids::LoginSessionId;
use guildhall_proto::v1;

use crate::model::Timestamp;

/// A token on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginSession {
    /// The id; it is not the token.
    pub id: LoginSessionId,
    /// What the device calls itself.
    pub device: String,
    /// When it logged in.
    pub create_time: Timestamp,
    /// When the token was last used, to within a minute.
    pub last_used_time: Timestamp,
    /// When the token ends unless it is used before; `None` = never.
    pub expire_time: Option<Timestamp>,
    /// Whether the call was made with this session's token.
    pub current: bool,
}

impl From<v1::LoginSession> for LoginSession {
    fn from(session: v1::LoginSession) -> Self {
        Self {
            id: LoginSessionId(session.id),
            device: session.device,
            create_time: Timestamp::or_epoch(session.create_time),
            last_used_time: Timestamp::or_epoch(session.last_used_time),
            expire_time: session.expire_time.map(Timestamp::from),
            current: session.current,
        }
    }
}

impl From<LoginSession> for v1::LoginSession {
    fn from(session: LoginSession) -> Self {
        Self {
            id: session.id.0,
            device: session.device,
            create_time: Some(session.create_time.into()),
            last_used_time: Some(session.last_used_time.into()),
            expire_time: session.expire_time.map(Into::into),
            current: session.current,
        }
    }
}
