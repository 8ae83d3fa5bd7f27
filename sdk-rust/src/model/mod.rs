//! The things of Guildhall as the SDK shows them: the wire's messages with typed ids and without absent values that are
//! never absent. Each is made from its message and turns into it again without loss.

mod channel;
mod explanation;
mod guild;
mod login;
mod message;
mod moderation;
mod role;
mod time;
mod user;

pub use channel::Channel;
pub use explanation::{ExplainedStep, Explanation, Remedy};
pub use guild::{Guild, Invite, Member};
pub use login::LoginSession;
pub use message::{Author, Message};
pub use moderation::{AuditChange, AuditEntry, Ban};
pub use role::{Overwrite, OverwriteTarget, Permissions, Role};
pub use time::Timestamp;
pub use user::{Block, Presence, User};

use crate::error::{Error, Result};

/// Takes a part of an answer that is always there.
pub(crate) fn required<T>(part: Option<T>, name: &str) -> Result<T> {
    part.ok_or_else(|| Error::protocol(format!("the answer has no {name}")))
}

/// An id of which 0 means none.
pub(crate) fn optional<T: From<u64>>(id: u64) -> Option<T> {
    (id != 0).then(|| T::from(id))
}
